import { Button, FileButton, Group, Modal, Stack, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Empty } from '../../components/empty.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { NotOffered } from '../../components/permitted.tsx'
import { Rows } from '../../components/rows.tsx'
import { Section } from '../../components/section.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import { usePermits } from '../../data/session.ts'
import { anchorsQuery } from '../../data/trust.ts'
import { fingerprintText } from '../../words/trust.ts'

/** Most that the manager takes, characters. */
const longestPem = 65_536

/** Vendors' certificates that first contact with a device is checked by. */
export function Anchors() {
  const query = useQuery(anchorsQuery)
  const canChange = usePermits('deploy')
  const [isAdding, setAdding] = useState(false)
  const [wanted, setWanted] = useState<Wanted>()
  const queries = useQueryClient()
  const changed = () => queries.invalidateQueries({ queryKey: anchorsQuery.queryKey })
  return (
    <Section
      title="Vendor anchors"
      lead="A device that is new proves its make by a certificate of its vendor. It is believed if that leads to one of these."
      actions={canChange ? <Button onClick={() => setAdding(true)}>Add a vendor</Button> : null}
    >
      <NotOffered needs="deploy" what="add or remove vendors" />
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No vendor is believed">
              Without one, a person compares the fingerprint of each new device. Get the certificates of your vendors
              from their documentation and add them here.
            </Empty>
          ) : (
            <Rows
              label="Vendor anchors"
              least="52rem"
              rows={items}
              id={({ fingerprint }) => fingerprint}
              columns={[
                {
                  key: 'subject',
                  head: 'Subject',
                  width: 'minmax(12rem, 1fr)',
                  cell: ({ subject }) => <span title={subject}>{subject}</span>,
                },
                {
                  key: 'fingerprint',
                  head: 'SHA-256',
                  width: 'minmax(10rem, 1fr)',
                  cell: ({ fingerprint }) => (
                    <span className="mono" title={fingerprintText(fingerprint)}>
                      {fingerprint}
                    </span>
                  ),
                },
                { key: 'ends', head: 'Ends', width: '9rem', cell: ({ notAfter }) => <Moment at={notAfter} /> },
                { key: 'by', head: 'Added by', width: '8rem', cell: ({ addedBy }) => addedBy },
                { key: 'at', head: 'Added', width: '9rem', cell: ({ addedAt }) => <Moment at={addedAt} /> },
                ...(canChange
                  ? [
                      {
                        key: 'do',
                        head: <span className="visually-hidden">Remove</span>,
                        width: '6.5rem',
                        end: true,
                        cell: ({ fingerprint, subject }: (typeof items)[number]) => (
                          <Button
                            size="compact-xs"
                            variant="default"
                            aria-label={`Remove ${subject}`}
                            onClick={() =>
                              setWanted({
                                title: 'Believe this vendor no more',
                                words: `New devices of ${subject} are not believed by their certificate any more. Devices that have one of yours keep it.`,
                                button: 'Remove',
                                harms: true,
                                work: async () => {
                                  await ask(
                                    'Removing the vendor',
                                    api.DELETE('/api/v1/vendor-anchors/{fingerprint}', {
                                      params: { path: { fingerprint } },
                                    }),
                                  )
                                  await changed()
                                },
                              })
                            }
                          >
                            Remove
                          </Button>
                        ),
                      },
                    ]
                  : []),
              ]}
            />
          )
        }
      </Loaded>
      <Modal
        opened={isAdding}
        onClose={() => setAdding(false)}
        size="lg"
        title="Add a vendor"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <AddAnchor
          close={() => setAdding(false)}
          added={() => {
            setAdding(false)
            void changed()
          }}
        />
      </Modal>
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
    </Section>
  )
}

function AddAnchor({ close, added }: { readonly close: () => void; readonly added: () => void }) {
  const [pem, setPem] = useState('')
  const [unread, setUnread] = useState<Error>()
  const add = useMutation({
    mutationFn: () => ask('Adding the vendor', api.POST('/api/v1/vendor-anchors', { body: { pem: pem.trim() } })),
    onSuccess: added,
  })
  const read = async (file: File | null) => {
    setUnread(undefined)
    add.reset()
    if (file === null) return
    if (file.size > longestPem) {
      setUnread(
        new Error(
          `${file.name} has ${file.size.toLocaleString('en-US')} bytes; a certificate in PEM is far smaller. Choose another file.`,
        ),
      )
      return
    }
    try {
      setPem(await file.text())
    } catch {
      setUnread(new Error(`${file.name} could not be read. Choose it again.`))
    }
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    add.mutate()
  }
  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <Textarea
          label="Certificates"
          description="PEM, one or several: from “-----BEGIN CERTIFICATE-----” on."
          size="sm"
          autosize
          minRows={6}
          maxRows={14}
          maxLength={longestPem}
          spellCheck={false}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          data-autofocus
          value={pem}
          onChange={({ currentTarget }) => setPem(currentTarget.value)}
        />
        <Refused cause={unread ?? add.error} />
        <Group gap="sm" justify="space-between">
          <FileButton onChange={(file) => void read(file)} accept=".pem,.crt,.cer,application/x-pem-file">
            {(props) => (
              <Button variant="default" {...props}>
                From a file
              </Button>
            )}
          </FileButton>
          <Group gap="sm">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={add.isPending} disabled={pem.trim() === ''}>
              Add
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  )
}
