import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Failure } from '../../components/failure.tsx'
import { Remark } from '../../components/section.tsx'
import { api, ask, RequestFailure } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { counted } from '../../words/states.ts'
import type { Draft } from './draft.ts'
import { MergeDialog } from './merge-dialog.tsx'
import { ModelChanges } from './model-changes.tsx'

/** Saves the text as a version with a message; where somebody saved meanwhile, the two are merged first. */
export function SaveDialog({
  plant,
  draft,
  baseText,
  errors,
  changes,
  message,
  setMessage,
  saved,
  merged,
  close,
}: {
  readonly plant: string
  readonly draft: Draft
  readonly baseText: string
  readonly errors: number
  readonly changes: readonly Shapes['ModelChange'][]
  readonly message: string
  readonly setMessage: (message: string) => void
  readonly saved: (version: number) => void
  /** Takes a merged text as the new draft on a newer version. */
  readonly merged: (version: number, text: string) => void
  readonly close: () => void
}) {
  const [theirs, setTheirs] = useState<{
    readonly version: number
    readonly text: string
    readonly author: string
    readonly message: string
  }>()
  const save = useMutation({
    mutationFn: async (): Promise<void> => {
      try {
        const made = await ask(
          'Saving',
          api.POST('/api/v1/plants/{plant}/versions', {
            params: { path: { plant } },
            body: { base: draft.base, text: draft.text, message: message.trim() },
          }),
        )
        saved(made.version)
      } catch (cause) {
        const newest = cause instanceof RequestFailure ? cause.problem?.outdated?.newest : undefined
        if (newest === undefined) throw cause
        const { text, version } = await ask(
          `Reading version ${newest}`,
          api.GET('/api/v1/plants/{plant}/versions/{version}', { params: { path: { plant, version: newest } } }),
        )
        setTheirs({ version: newest, text, author: version.author, message: version.message })
      }
    },
  })
  if (theirs !== undefined) {
    return (
      <MergeDialog
        base={draft.base}
        baseText={baseText}
        mine={draft.text}
        theirs={theirs}
        merged={merged}
        close={close}
      />
    )
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    save.mutate()
  }
  return (
    <Modal opened onClose={close} size="lg" title="Save as a new version" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={send}>
        {errors > 0 ? (
          <Remark tone="bad">
            The text has {counted(errors, 'error')}. A version with errors is refused: mend them first.
          </Remark>
        ) : null}
        <ModelChanges changes={changes.slice(0, 12)} />
        {changes.length > 12 ? <p>and {changes.length - 12} more</p> : null}
        <TextInput
          mt="md"
          size="sm"
          data-autofocus
          label="What changes for whom"
          description="The next person reads this in the list of versions."
          maxLength={500}
          value={message}
          onChange={({ currentTarget }) => setMessage(currentTarget.value)}
        />
        {save.error === null ? null : (
          <div style={{ marginTop: 12 }}>
            <Failure cause={save.error} retry={() => save.mutate()} />
          </div>
        )}
        <p style={{ marginTop: 12, color: 'var(--mantine-color-dimmed)' }}>
          Saving touches no device. Plan and deploy it afterwards.
        </p>
        <Group mt="md" gap="sm" justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" loading={save.isPending} disabled={message.trim() === '' || errors > 0}>
            Save
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
