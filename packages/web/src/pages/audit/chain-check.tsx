import { Button, Group } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { Failure } from '../../components/failure.tsx'
import { Remark } from '../../components/section.tsx'
import { api, ask } from '../../api.ts'
import { counted } from '../../words/states.ts'

/** Recomputes the chain of entries, when somebody wants to know. */
export function ChainCheck() {
  const check = useMutation({
    mutationFn: () => ask('Checking the chain', api.GET('/api/v1/audit/check')),
  })
  const { data } = check
  return (
    <div style={{ marginBottom: 12 }}>
      <Group gap="sm">
        <Button variant="default" loading={check.isPending} onClick={() => check.mutate()}>
          Check the chain
        </Button>
        <span style={{ color: 'var(--mantine-color-dimmed)' }}>
          Recomputes every entry; large audits take a moment.
        </span>
      </Group>
      <div role="status">
        {data === undefined ? null : data.whole ? (
          <Remark tone="good">
            The chain is whole: {counted(data.entries, 'entry', 'entries')}, none changed, none missing.
          </Remark>
        ) : (
          <Remark tone="bad">
            <strong>The chain is broken{data.firstBroken === null ? '' : ` at entry ${data.firstBroken}`}.</strong>{' '}
            Somebody changed the database past the manager. Keep an export and a backup as they are, and compare with an
            earlier one.
          </Remark>
        )}
      </div>
      {check.error === null ? null : <Failure cause={check.error} retry={() => check.mutate()} />}
    </div>
  )
}
