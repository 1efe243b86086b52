import { Button, Group, Modal, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { Refused } from './refused.tsx'

/** Something that is asked again before it is done. */
export interface Wanted {
  readonly title: string
  /** What it does, and what cannot be taken back. */
  readonly words: ReactNode
  readonly button: string
  /** It takes something away from somebody. */
  readonly harms?: boolean
  /** With it, a sentence must be written: what it is for. */
  readonly reason?: string
  readonly work: (reason: string) => Promise<unknown>
}

/** Most characters of a reason, as the manager takes it. */
const longestReason = 500

/** Asks once more, with a reason where one is kept, then does it. A refusal is shown in its place. */
export function Confirm({ wanted, close }: { readonly wanted: Wanted | undefined; readonly close: () => void }) {
  const [reason, setReason] = useState('')
  const act = useMutation({
    mutationFn: ({ work }: Wanted) => work(reason.trim()),
    onSuccess: () => leave(),
  })
  const leave = () => {
    setReason('')
    act.reset()
    close()
  }
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (wanted !== undefined) act.mutate(wanted)
  }
  return (
    <Modal
      opened={wanted !== undefined}
      onClose={leave}
      title={wanted?.title}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {wanted === undefined ? null : (
        <form onSubmit={send}>
          <div>{wanted.words}</div>
          {wanted.reason === undefined ? null : (
            <Textarea
              mt="md"
              size="sm"
              label="Reason"
              description={wanted.reason}
              data-autofocus
              autosize
              minRows={2}
              maxRows={6}
              maxLength={longestReason}
              value={reason}
              onChange={({ currentTarget }) => setReason(currentTarget.value)}
            />
          )}
          <div style={{ marginTop: 12 }}>
            <Refused cause={act.error} />
          </div>
          <Group mt="md" gap="sm" justify="flex-end">
            <Button variant="default" onClick={leave}>
              Cancel
            </Button>
            <Button
              type="submit"
              {...(wanted.harms === true ? { color: 'red.8', autoContrast: true } : {})}
              loading={act.isPending}
              disabled={wanted.reason !== undefined && reason.trim() === ''}
            >
              {wanted.button}
            </Button>
          </Group>
        </form>
      )}
    </Modal>
  )
}
