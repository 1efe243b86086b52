import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { Failure } from '../../components/failure.tsx'
import { Loading } from '../../components/loading.tsx'
import { Section } from '../../components/section.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { DryRunResult } from './dry-run-result.tsx'
import { ModelChanges } from './model-changes.tsx'

const CodeDifference = lazy(async () => ({ default: (await import('./code-view.tsx')).CodeDifference }))

/** What the text changes against the version it began from: by meaning, in observed traffic, and line by line. */
export function Changes({
  plant,
  before,
  after,
  changes,
}: {
  readonly plant: string
  readonly before: string
  readonly after: string
  readonly changes: readonly Shapes['ModelChange'][]
}) {
  const dryRun = useMutation({
    mutationFn: () =>
      ask(
        'Comparing with observed connections',
        api.POST('/api/v1/plants/{plant}/dry-run', { params: { path: { plant } }, body: { text: after } }),
      ),
  })
  if (before === after) return <p>Nothing is changed since this version.</p>
  return (
    <>
      <Section title="By meaning">
        <ModelChanges changes={changes} />
      </Section>
      <Section
        title="In observed traffic"
        lead="Which connections that were seen running this text would not allow."
        actions={
          <Button variant="default" loading={dryRun.isPending} onClick={() => dryRun.mutate()}>
            Compare
          </Button>
        }
      >
        {dryRun.error === null ? null : <Failure cause={dryRun.error} retry={() => dryRun.mutate()} />}
        {dryRun.data === undefined ? null : <DryRunResult result={dryRun.data} />}
      </Section>
      <Section title="Line by line">
        <Suspense fallback={<Loading />}>
          <CodeDifference before={before} after={after} label="Difference line by line" />
        </Suspense>
      </Section>
    </>
  )
}
