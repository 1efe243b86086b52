import { Button, FileInput, Group, Modal, Radio, Stack } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Failure } from '../../components/failure.tsx'
import { Remark } from '../../components/section.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask, RequestFailure } from '../../api.ts'
import { textOfFile } from './read-file.ts'

/** Brings a plant file, or devices from a table, into the editor. Nothing is saved by it. */
export function ImportDialog({
  plant,
  imported,
  close,
}: {
  readonly plant: string
  readonly imported: (text: string, notes: readonly string[]) => void
  readonly close: () => void
}) {
  const [kind, setKind] = useState<'file' | 'csv'>('file')
  const [file, setFile] = useState<File | null>(null)
  const bring = useMutation({
    mutationFn: async (chosen: File): Promise<void> => {
      const text = await textOfFile(chosen)
      if (kind === 'file') {
        imported(text, [])
        return
      }
      const proposal = await ask(
        'Importing the table',
        api.POST('/api/v1/plants/{plant}/import', { params: { path: { plant } }, body: { csv: text } }),
      )
      imported(proposal.text, [
        ...proposal.notes,
        ...proposal.problems.map(({ line, message }) => `Line ${line}: ${message}`),
      ])
    },
  })
  return (
    <Modal opened onClose={close} title="Import" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="md">
        <Radio.Group label="What" value={kind} onChange={(value) => setKind(value === 'csv' ? 'csv' : 'file')}>
          <Stack gap="sm" mt="sm">
            <Radio
              value="file"
              label="A plant file"
              description="Replaces the text in the editor. The version it came from stays."
            />
            <Radio
              value="csv"
              label="Devices from CSV"
              description="Adds rows with the columns name, address and zone to the plant."
            />
          </Stack>
        </Radio.Group>
        <FileInput
          label="File"
          size="sm"
          placeholder="Choose a file"
          accept={kind === 'csv' ? '.csv,text/csv' : '.yaml,.yml'}
          value={file}
          onChange={setFile}
        />
        {bring.error === null ? null : bring.error instanceof RequestFailure ? (
          <Failure cause={bring.error} />
        ) : (
          <Refused cause={bring.error} />
        )}
        <Remark tone="info">Look at it in the editor, then save it as a version.</Remark>
        <Group gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            disabled={file === null}
            loading={bring.isPending}
            onClick={() => (file === null ? undefined : bring.mutate(file))}
          >
            Import
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}
