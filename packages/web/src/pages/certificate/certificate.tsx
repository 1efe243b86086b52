import { Button, Group, Modal, NativeSelect, Stack, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useParam } from '../../address/use-param.ts'
import { Copy } from '../../components/copy.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { ForThoseWith, NotOffered } from '../../components/permitted.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { saveFile } from '../../data/save-file.ts'
import { usePermits } from '../../data/session.ts'
import { certificateQuery } from '../../data/trust.ts'
import { moment } from '../../words/time.ts'
import { certificateStates, fingerprintText } from '../../words/trust.ts'

/** One certificate. */
export function Page() {
  const query = useQuery(certificateQuery(useParam('issuer'), useParam('serial')))
  return (
    <ForThoseWith needs="certificate.read" title="Certificate">
      <Loaded query={query}>{({ certificate, pem }) => <Body certificate={certificate} pem={pem} />}</Loaded>
    </ForThoseWith>
  )
}

function Body({ certificate, pem }: { readonly certificate: Shapes['Certificate']; readonly pem: string }) {
  const {
    name,
    subject,
    issuer,
    serial,
    fingerprint,
    profile,
    zone,
    status,
    notBefore,
    notAfter,
    inUse,
    revokedAt,
    reason,
  } = certificate
  const canRevoke = usePermits('certificate.revoke')
  const [isRevoking, setRevoking] = useState(false)
  return (
    <PageBody
      title={`Certificate of ${name}`}
      lead={
        <>
          Ends <Moment at={notAfter} />. <Link to="/certificates">All certificates</Link>
        </>
      }
      actions={
        canRevoke && status === 'valid' ? (
          <Button variant="default" onClick={() => setRevoking(true)}>
            Revoke
          </Button>
        ) : null
      }
    >
      {revokedAt === null ? null : (
        <Remark tone="bad">
          Revoked <Moment at={revokedAt} />
          {reason === null ? '.' : `: ${reason}.`} Devices refuse it once a deployment has brought them the new lists.
        </Remark>
      )}
      {status === 'valid' ? <NotOffered needs="certificate.revoke" what="revoke it" /> : null}
      <Facts
        facts={[
          ['State', <Tone key="s" {...certificateStates[status]} strong />],
          ['For', profile],
          ['Zone', zone ?? '–'],
          [
            'In use by',
            inUse === null ? (
              'No device'
            ) : (
              <Link key="u" to={`/devices/${encodeURIComponent(inUse)}`}>
                {inUse}
              </Link>
            ),
          ],
          ['Valid from', moment(notBefore)],
          ['Until', moment(notAfter)],
        ]}
      />
      <Facts
        facts={[
          ['Subject', <Fixed key="s" text={subject} />],
          ['Issuer', <Fixed key="i" text={issuer} />],
          ['Serial', <Fixed key="n" text={serial} />],
          ['SHA-256', <Fixed key="f" text={fingerprintText(fingerprint)} />],
        ]}
      />
      <Section
        title="PEM"
        actions={
          <>
            <Copy text={pem} />
            <Button
              variant="default"
              onClick={() => saveFile(`${name.replaceAll(/[^\w.-]/g, '_')}.pem`, pem, 'application/x-pem-file')}
            >
              Download
            </Button>
          </>
        }
      >
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
        <pre className="mono" tabIndex={0} style={{ maxHeight: '20rem', overflow: 'auto', margin: 0 }}>
          {pem}
        </pre>
      </Section>
      <Modal
        opened={isRevoking}
        onClose={() => setRevoking(false)}
        title={`Revoke the certificate of ${name}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <Revoke certificate={certificate} close={() => setRevoking(false)} />
      </Modal>
    </PageBody>
  )
}

function Fixed({ text }: { readonly text: string }) {
  return (
    <span className="mono" style={{ overflowWrap: 'anywhere' }}>
      {text}
    </span>
  )
}

const reasons = [
  { value: 'key-compromise', label: 'Its key may be known to others' },
  { value: 'superseded', label: 'Another one takes its place' },
  { value: 'cessation-of-operation', label: 'The device is out of service' },
  { value: 'affiliation-changed', label: 'It belongs to somebody else now' },
  { value: 'unspecified', label: 'Another reason' },
] as const

type Reason = (typeof reasons)[number]['value']

function Revoke({ certificate, close }: { readonly certificate: Shapes['Certificate']; readonly close: () => void }) {
  const { issuer, serial, inUse } = certificate
  const [reason, setReason] = useState<Reason>('key-compromise')
  const [message, setMessage] = useState('')
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: () =>
      ask(
        'Revoking the certificate',
        api.POST('/api/v1/certificates/{issuer}/{serial}/revoke', {
          params: { path: { issuer, serial } },
          body: { reason, message: message.trim() },
        }),
      ),
    onSuccess: async () => {
      close()
      await queries.invalidateQueries({ queryKey: ['certificates'] })
    },
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    revoke.mutate()
  }
  return (
    <form onSubmit={send}>
      <Stack gap="md">
        <div>
          <p>
            It cannot be taken back. The new revocation list reaches the devices with the next deployment; until then
            they still accept this certificate.
          </p>
          {inUse === null ? null : (
            <Remark tone="bad">
              {inUse} uses it now. Once its peers have the list, its secure connections end and none can be opened until
              it has another certificate: renew it first if it stays in service.
            </Remark>
          )}
        </div>
        <NativeSelect
          label="Why"
          size="sm"
          data={[...reasons]}
          value={reason}
          onChange={({ currentTarget }) =>
            setReason(reasons.find(({ value }) => value === currentTarget.value)?.value ?? 'unspecified')
          }
        />
        <Textarea
          label="In your words"
          description="Kept in the audit."
          size="sm"
          data-autofocus
          autosize
          minRows={2}
          maxLength={500}
          value={message}
          onChange={({ currentTarget }) => setMessage(currentTarget.value)}
        />
        <Refused cause={revoke.error} />
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" color="red.8" autoContrast loading={revoke.isPending} disabled={message.trim() === ''}>
            Revoke
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
