import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useParam } from '../../address/use-param.ts'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Empty } from '../../components/empty.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { ForThoseWith, NotOffered } from '../../components/permitted.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { sessionQuery, usePermits } from '../../data/session.ts'
import { enrollmentQuery } from '../../data/trust.ts'
import { alarmWords, enrollmentStates, fingerprintText, wordKind } from '../../words/trust.ts'
import { policyLine } from './policy-line.ts'
import { replacementOf } from './replacement.ts'

/** One request for a certificate: who asks, why it stands as it does, and what was said. */
export function Page() {
  const text = useParam('enrollment')
  const id = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0
  const query = useQuery(enrollmentQuery(id))
  return (
    <ForThoseWith needs="enrollment.read" title="Enrollment">
      {id === 0 ? (
        <PageBody title="Enrollment">
          <Empty title="There is no such request">
            <Link to="/enrollment">See all requests</Link>.
          </Empty>
        </PageBody>
      ) : (
        <Loaded query={query}>{(enrollment) => <Body enrollment={enrollment} />}</Loaded>
      )}
    </ForThoseWith>
  )
}

function Body({ enrollment }: { readonly enrollment: Shapes['EnrollmentDetail'] }) {
  const {
    id,
    device,
    subject,
    requester,
    address,
    label,
    state,
    zone,
    plant,
    key,
    reason,
    createdAt,
    updatedAt,
    expiresAt,
  } = enrollment
  const { approvedBy, alarms, certificate, explanation, words } = enrollment
  const replacement = replacementOf(enrollment.replacement)
  return (
    <PageBody
      title={`Enrollment of ${device ?? (subject || `request ${id}`)}`}
      lead={
        <>
          Asked <Moment at={createdAt} /> from {address}. <Link to="/enrollment">All requests</Link>
        </>
      }
      actions={<Decide enrollment={enrollment} />}
    >
      {alarms.map((kind) => (
        <Remark key={kind} tone="bad">
          <strong>Alarm: {kind}.</strong> {alarmWords[kind] ?? 'Look at what was claimed and what was proven.'} It is
          not granted while the alarm stands.
        </Remark>
      ))}
      <Facts
        facts={[
          ['State', <Tone key="s" {...enrollmentStates[state]} strong />],
          [
            'Device',
            device === null ? (
              'Not known yet'
            ) : (
              <Link key="d" to={`/devices/${encodeURIComponent(device)}`}>
                {device}
              </Link>
            ),
          ],
          ['Zone', zone ?? '–'],
          ['Plant', plant],
          ['Label', label === '' ? '–' : label],
          ['Changed', <Moment key="u" at={updatedAt} />],
          ['Expires', <Moment key="e" at={expiresAt} none="–" />],
          ['Approved by', approvedBy.length === 0 ? 'Nobody yet' : approvedBy.join(', ')],
          [
            'Certificate',
            certificate === null ? (
              'None'
            ) : (
              <Link key="c" to={certificatePath(certificate)}>
                <span className="mono">{certificate.serial}</span>
              </Link>
            ),
          ],
        ]}
      />
      <NotOffered needs="enrollment.decide" what="decide about it" />
      <Section title="Who asks" lead="What the request claims; nothing of it is believed without proof.">
        <Facts
          facts={[
            ['Requester', requester === '' ? 'Not authenticated' : requester],
            [
              'Address',
              <span key="a" className="mono">
                {address}
              </span>,
            ],
            [
              'Wished subject',
              <span key="n" className="mono">
                {subject === '' ? '–' : subject}
              </span>,
            ],
            [
              'SHA-256 of its public key',
              <span key="k" className="mono" style={{ overflowWrap: 'anywhere' }}>
                {fingerprintText(key)}
              </span>,
            ],
          ]}
        />
        <details>
          <summary>Every fact that was gathered</summary>
          {/* It scrolls, so it takes the focus. */}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
          <pre className="mono" tabIndex={0} style={{ maxHeight: '24rem', overflow: 'auto' }}>
            {JSON.stringify(enrollment.facts, null, 2)}
          </pre>
        </details>
      </Section>
      <Section title="Why" lead={reason}>
        <Rows
          label="Policies"
          least="36rem"
          rows={explanation.map(policyLine)}
          id={(_, index) => String(index)}
          columns={[
            {
              key: 'policy',
              head: 'Policy',
              width: '14rem',
              cell: ({ policy, depth }) => (
                <span style={{ paddingInlineStart: `${Math.min(8, Math.max(0, depth - 1))}rem` }}>
                  {policy === '' ? <strong>Verdict</strong> : policy}
                </span>
              ),
            },
            {
              key: 'result',
              head: 'Result',
              width: '10rem',
              cell: ({ tone, text }) => (text === '' ? null : <Tone tone={tone} text={text} />),
            },
            {
              key: 'reason',
              head: 'Reason',
              width: 'minmax(12rem, 1fr)',
              cell: (line) => line.reason,
            },
          ]}
        />
      </Section>
      {replacement === undefined ? null : (
        <Section
          title="Replacement"
          lead={replacement.device === '' ? undefined : `Whether it may take the place of ${replacement.device}.`}
        >
          <Remark tone={replacement.matches ? 'good' : 'warn'}>
            {replacement.matches
              ? 'It fits the role of the unit that is gone.'
              : 'It does not fit the role of the unit that is gone, and does not take it over by itself.'}
          </Remark>
          <Rows
            label="What was compared"
            least="36rem"
            rows={replacement.criteria}
            id={({ name }) => name}
            columns={[
              { key: 'name', head: 'Compared', width: '10rem', cell: ({ name }) => name },
              { key: 'result', head: 'Result', width: '10rem', cell: ({ result }) => <Tone {...result} /> },
              { key: 'reason', head: 'Reason', width: 'minmax(12rem, 1fr)', cell: (row) => row.reason },
            ]}
          />
        </Section>
      )}
      <Section title="What was said" lead="Kept for ever.">
        {words.length === 0 ? (
          <Empty title="Nobody has said anything yet">
            What people approve, deny or take back stands here, with their reasons.
          </Empty>
        ) : (
          <Rows
            label="What was said"
            least="40rem"
            rows={words}
            id={({ at }, index) => `${at} ${index}`}
            columns={[
              { key: 'at', head: 'When', width: '11rem', cell: ({ at }) => <Moment at={at} /> },
              { key: 'by', head: 'Who', width: '9rem', cell: ({ by }) => by },
              { key: 'kind', head: 'What', width: '9rem', cell: ({ kind }) => <Tone {...wordKind(kind)} /> },
              { key: 'reason', head: 'Reason', width: 'minmax(12rem, 1fr)', cell: (word) => word.reason },
            ]}
          />
        )}
      </Section>
    </PageBody>
  )
}

const certificatePath = ({ issuer, serial }: { readonly issuer: string; readonly serial: string }) =>
  `/certificates/${encodeURIComponent(issuer)}/${encodeURIComponent(serial)}`

type Verdict = 'approve' | 'deny' | 'withdraw'

const verdicts: Readonly<Record<Verdict, { readonly button: string; readonly words: string; readonly doing: string }>> =
  {
    approve: {
      button: 'Approve',
      doing: 'Approving',
      words: 'It gets its certificate if the other policies of its label agree. Your name and reason stay with it.',
    },
    deny: {
      button: 'Deny',
      doing: 'Denying',
      words: 'It gets no certificate, and is refused when it asks again with the same key.',
    },
    withdraw: {
      button: 'Withdraw my word',
      doing: 'Taking your word back',
      words:
        'What you said counts no more. It stays in the history. A certificate that was issued stays valid until it is revoked.',
    },
  }

function Decide({ enrollment }: { readonly enrollment: Shapes['EnrollmentDetail'] }) {
  const { id, state, words } = enrollment
  const canDecide = usePermits('enrollment.decide')
  const session = useQuery(sessionQuery)
  const queries = useQueryClient()
  const [wanted, setWanted] = useState<Wanted>()
  if (!canDecide) return null
  const me = session.data?.user.name
  const mine = words.findLast(
    ({ by, kind }) => by === me && (kind === 'approve' || kind === 'deny' || kind === 'withdraw'),
  )
  const hasWord = mine !== undefined && mine.kind !== 'withdraw'
  const open = (verdict: Verdict) => {
    const { button, doing, words: says } = verdicts[verdict]
    setWanted({
      title: button,
      button,
      harms: verdict === 'deny',
      words: <p>{says}</p>,
      reason: 'Kept with the request for ever, and in the audit.',
      work: async (reason) => {
        const options = { params: { path: { id } }, body: { reason } }
        const after = await ask(
          doing,
          verdict === 'approve'
            ? api.POST('/api/v1/enrollments/{id}/approve', options)
            : verdict === 'deny'
              ? api.POST('/api/v1/enrollments/{id}/deny', options)
              : api.POST('/api/v1/enrollments/{id}/withdraw', options),
        )
        queries.setQueryData(enrollmentQuery(id).queryKey, after)
        await queries.invalidateQueries({ queryKey: ['enrollments'] })
      },
    })
  }
  return (
    <>
      {state === 'pending' ? <Button onClick={() => open('approve')}>Approve</Button> : null}
      {state === 'pending' ? (
        <Button variant="default" onClick={() => open('deny')}>
          Deny
        </Button>
      ) : null}
      {hasWord ? (
        <Button variant="default" onClick={() => open('withdraw')}>
          Withdraw my word
        </Button>
      ) : null}
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
    </>
  )
}
