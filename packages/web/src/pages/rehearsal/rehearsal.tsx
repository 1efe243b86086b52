import { useQuery } from '@tanstack/react-query'
import { useParam } from '../../address/use-param.ts'
import { JobError, JobProgress } from '../../components/job-progress.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Messages } from '../../components/messages.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import type { Shapes } from '../../api-types.ts'
import { rehearsalQuery } from '../../data/jobs.ts'
import { outcomes } from '../../words/states.ts'
import { duration } from '../../words/time.ts'

/** A rehearsal: the deployment as it went on a virtual twin of the plant. */
export function Page() {
  const query = useQuery(rehearsalQuery(useParam('rehearsal')))
  return (
    <Loaded query={query}>
      {({ job, result }) => (
        <PageBody
          title="Rehearsal"
          lead={
            <>
              The deployment on a virtual twin, built from what was read of each device. No real device was touched.
              Asked for by {job.requestedBy} <Moment at={job.requestedAt} />.
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

function Result({ result }: { readonly result: NonNullable<Shapes['Rehearsal']['result']> }) {
  const { outcome, tookMs, assumptions, devices, connections, verification } = result
  const troubled = devices.filter((device) => device.outcome !== 'complete')
  return (
    <>
      <Facts
        facts={[
          ['Result', <Tone key="o" {...outcomes[outcome]} strong />],
          ['Took', duration(tookMs)],
          ['Devices', devices.length.toLocaleString('en-US')],
          [
            'Verification of the twin',
            verification === null ? (
              '–'
            ) : (
              <Tone
                key="v"
                tone={verification.verdict === 'pass' ? 'good' : 'bad'}
                text={verification.verdict === 'pass' ? 'Passed' : 'Failed'}
              />
            ),
          ],
        ]}
      />
      {assumptions.length === 0 ? null : (
        <Remark tone="info">
          <p>
            <strong>Where the twin had to assume something:</strong>
          </p>
          <ul style={{ paddingLeft: 18 }}>
            {assumptions.map((words) => (
              <li key={words}>{words}</li>
            ))}
          </ul>
        </Remark>
      )}
      {troubled.length === 0 ? null : (
        <Section title="Devices that need attention">
          {troubled.map((device) => (
            <div key={device.device} style={{ marginBottom: 12 }}>
              <p>
                <strong>{device.device}</strong> <Tone {...outcomes[device.outcome]} />
              </p>
              <Messages messages={device.messages} />
            </div>
          ))}
        </Section>
      )}
      <Section title="Connections" lead="The gap is how long no data arrived in the twin.">
        {connections.length === 0 ? (
          <p>The model names no connections, and none were observed.</p>
        ) : (
          <Rows
            label="Connections"
            least="44rem"
            rows={connections}
            id={({ connection }, index) => `${connection} ${index}`}
            columns={[
              { key: 'name', head: 'Connection', width: 'minmax(10rem, 1fr)', cell: ({ connection }) => connection },
              { key: 'outcome', head: 'Result', width: '13rem', cell: (row) => <Tone {...outcomes[row.outcome]} /> },
              {
                key: 'gap',
                head: 'Gap',
                width: '7rem',
                end: true,
                cell: ({ gapMs }) => (gapMs === null ? '–' : duration(gapMs)),
              },
              {
                key: 'why',
                head: 'Why',
                width: 'minmax(12rem, 1.4fr)',
                cell: ({ reason }) => <span title={reason}>{reason}</span>,
              },
            ]}
          />
        )}
      </Section>
      <Section title="Devices">
        <Rows
          label="Devices of the rehearsal"
          rows={devices}
          id={({ device }) => device}
          columns={[
            { key: 'device', head: 'Device', width: 'minmax(10rem, 0.6fr)', cell: ({ device }) => device },
            { key: 'outcome', head: 'Result', width: '13rem', cell: (row) => <Tone {...outcomes[row.outcome]} /> },
            {
              key: 'why',
              head: 'What happened',
              width: 'minmax(12rem, 1.4fr)',
              cell: ({ messages }) => messages[0]?.text ?? '',
            },
          ]}
        />
      </Section>
    </>
  )
}
