import { TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParam } from '../../address/use-param.ts'
import { useUrl } from '../../address/use-url.ts'
import { Filter } from '../../components/filter.tsx'
import { JobError, JobProgress } from '../../components/job-progress.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import type { Shapes } from '../../api-types.ts'
import { verificationQuery } from '../../data/jobs.ts'
import { verdicts } from '../../words/states.ts'
import { duration } from '../../words/time.ts'
import { shownChecks, verdictOrder } from './checks.ts'

/** A verification: every check with what was seen. */
export function Page() {
  const query = useQuery(verificationQuery(useParam('verification')))
  return (
    <Loaded query={query}>
      {({ job, result }) => (
        <PageBody
          title="Verification"
          lead={
            <>
              Reads back what each device has and probes it from outside. Asked for by {job.requestedBy}{' '}
              <Moment at={job.requestedAt} />.
            </>
          }
        >
          <JobProgress job={job} />
          <JobError job={job} />
          {result === null ? null : <Result result={result} />}
        </PageBody>
      )}
    </Loaded>
  )
}

function Result({
  result: { verdict, tookMs, checks },
}: {
  readonly result: NonNullable<Shapes['Verification']['result']>
}) {
  const [{ verdict: shown = '', text = '' }, change] = useUrl()
  const rows = shownChecks(checks, shown, text)
  return (
    <>
      <Facts
        facts={[
          [
            'Verdict',
            <Tone
              key="v"
              tone={verdict === 'pass' ? 'good' : 'bad'}
              text={verdict === 'pass' ? 'The plant is as the model says' : 'The plant is not as the model says'}
              strong
            />,
          ],
          ['Checks', checks.length.toLocaleString('en-US')],
          ['Took', duration(tookMs)],
        ]}
      />
      <Section
        title="Checks"
        actions={
          <TextInput
            aria-label="Find a check"
            placeholder="Device or words"
            value={text}
            onChange={({ currentTarget }) => change({ text: currentTarget.value })}
          />
        }
      >
        <div style={{ marginBottom: 8 }}>
          <Filter
            label="Verdict"
            value={shown}
            choose={(value) => change({ verdict: value })}
            choices={[
              { value: '', label: 'All', count: checks.length },
              ...verdictOrder
                .map((word) => ({
                  value: word,
                  label: verdicts[word].text,
                  count: checks.filter((check) => check.verdict === word).length,
                }))
                .filter(({ count }) => count > 0),
            ]}
          />
        </div>
        {rows.length === 0 ? (
          <p>No check is like that.</p>
        ) : (
          <Rows
            label="Checks"
            least="52rem"
            rows={rows}
            id={({ id }, index) => `${id} ${index}`}
            columns={[
              {
                key: 'verdict',
                head: 'Verdict',
                width: '8.5rem',
                cell: (check) => <Tone {...verdicts[check.verdict]} />,
              },
              { key: 'subject', head: 'Subject', width: 'minmax(9rem, 0.6fr)', cell: ({ subject }) => subject },
              {
                key: 'text',
                head: 'Check',
                width: 'minmax(14rem, 1.2fr)',
                cell: (check) => <span title={check.text}>{check.text}</span>,
              },
              {
                key: 'seen',
                head: 'What was seen',
                width: 'minmax(14rem, 1.4fr)',
                cell: ({ evidence }) => <span title={evidence}>{evidence}</span>,
              },
            ]}
          />
        )}
      </Section>
    </>
  )
}
