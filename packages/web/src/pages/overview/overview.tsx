import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Conduit, Job, Plant, Protection } from '../../api-types.ts'
import { Empty } from '../../components/empty.tsx'
import { Icon } from '../../components/icon.tsx'
import { Link, type Target } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { OutcomeState, protections, standingOrder, standings, type Tone } from '../../components/state.tsx'
import {
  activeJobsQuery,
  certificateSummaryQuery,
  plantQuery,
  recentDeploymentsQuery,
  usePlant,
  useWaiting,
} from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { topologyQuery } from '../../data/topology.ts'
import { weaker } from '../../components/weaker.ts'
import { jobWord } from './job-word.ts'
import classes from './overview.module.css'

/** What stands out in the plant, each number a link to what it counts. */
export function Page() {
  const plant = usePlant()
  const query = useQuery(plantQuery(plant))
  if (plant === '')
    return (
      <PageBody title="Overview">
        <Empty title="There is no plant yet">
          Find devices with <Link to="/discovery">discovery</Link>, or write a plant in the{' '}
          <Link to="/editor">editor</Link>.
        </Empty>
      </PageBody>
    )
  return (
    <PageBody
      title="Overview"
      lead={
        query.data === undefined ? undefined : (
          <>
            Version {query.data.version} by {query.data.author}, <Moment at={query.data.savedAt} />
            {query.data.deployed === null ? '; never deployed' : null}
            {query.data.deployed === null ? null : (
              <>
                ; last deployed <Moment at={query.data.deployed.at} />
              </>
            )}
          </>
        )
      }
    >
      <Loaded query={query} lines={8}>
        {(data) => <Tiles plant={data} />}
      </Loaded>
    </PageBody>
  )
}

function Tiles({ plant }: { readonly plant: Plant }) {
  const mayReadCertificates = usePermits('certificate.read')
  const mayReadEnrollments = usePermits('enrollment.read')
  return (
    <div className={classes['tiles']}>
      <Devices plant={plant} />
      <Conduits plant={plant.name} />
      {mayReadCertificates ? <Certificates /> : null}
      {mayReadEnrollments ? <Attention plant={plant} /> : null}
      <Jobs plant={plant.name} />
      <Deployments plant={plant.name} />
    </div>
  )
}

/** A tile: a heading that leads to the whole list, a number, and rows that lead to parts of it. */
function Tile({
  title,
  to,
  number,
  unit,
  children,
}: {
  readonly title: string
  readonly to: Target
  readonly number?: number
  readonly unit?: string
  readonly children: ReactNode
}) {
  return (
    <section className={classes['tile']} aria-label={title}>
      <div className={classes['head']}>
        <h2>
          <Link {...to}>{title}</Link>
        </h2>
        {number === undefined ? null : (
          <span className={classes['number']}>
            {number.toLocaleString()} <span className={classes['unit']}>{unit}</span>
          </span>
        )}
      </div>
      {children}
    </section>
  )
}

function Row({
  to,
  tone,
  icon,
  word,
  count,
  of,
}: {
  readonly to: Target
  readonly tone: Tone
  readonly icon: Parameters<typeof Icon>[0]['name']
  readonly word: string
  readonly count: number
  /** For the bar: what the count is a part of. */
  readonly of?: number
}) {
  return (
    <Link {...to} className={classes['row']} data-zero={count === 0} data-bar={of !== undefined}>
      <span className={classes['word']} data-tone={count === 0 ? 'none' : tone}>
        <Icon name={icon} size={14} />
        {word}
      </span>
      {of === undefined ? null : (
        <span className={classes['bar']} aria-hidden="true">
          <span
            data-tone={tone}
            style={{ width: `${of === 0 ? 0 : Math.max(count === 0 ? 0 : 1, (count / of) * 100)}%` }}
          />
        </span>
      )}
      <span className={classes['count']}>{count.toLocaleString()}</span>
    </Link>
  )
}

function Devices({ plant: { devices, standings: counts } }: { readonly plant: Plant }) {
  return (
    <Tile title="Devices" to={{ to: '/devices' }} number={devices} unit="by standing">
      {standingOrder
        .filter((standing) => counts[standing] > 0 || alwaysShown.has(standing))
        .map((standing) => {
          const { word, tone, icon } = standings[standing]
          return (
            <Row
              key={standing}
              to={{ to: '/devices', search: { standing } }}
              tone={tone}
              icon={icon}
              word={word}
              count={counts[standing]}
              of={devices}
            />
          )
        })}
    </Tile>
  )
}

const alwaysShown: ReadonlySet<string> = new Set(['failed', 'drift', 'unreachable', 'not-deployed', 'ok'])

function Conduits({ plant }: { readonly plant: string }) {
  const query = useQuery(topologyQuery(plant))
  return (
    <Tile
      title="Conduits"
      to={{ to: '/plant', search: { as: 'table', list: 'conduits' } }}
      {...(query.data === undefined ? {} : { number: query.data.conduits.length, unit: 'by protection' })}
    >
      <Loaded query={query} lines={3}>
        {({ conduits }) => {
          const counts = countByProtection(conduits)
          return (['Encrypted', 'Authenticated', 'None'] as const).map((protection) => (
            <Row
              key={protection}
              to={{ to: '/plant', search: { as: 'table', list: 'conduits', protection } }}
              tone={protections[protection].tone}
              icon={protections[protection].icon}
              word={protections[protection].word}
              count={counts[protection]}
              of={conduits.length}
            />
          ))
        }}
      </Loaded>
    </Tile>
  )
}

/** Conduits by what all of their traffic has: the weaker of messaging and I/O. */
function countByProtection(conduits: readonly Conduit[]): Readonly<Record<Protection, number>> {
  const counts = { Encrypted: 0, Authenticated: 0, None: 0 }
  for (const { messagingProtection, ioProtection } of conduits) counts[weaker(messagingProtection, ioProtection)]++
  return counts
}

function Certificates() {
  const query = useQuery(certificateSummaryQuery)
  return (
    <Tile title="Certificates" to={{ to: '/certificates' }}>
      <Loaded query={query} lines={4}>
        {({ expired, days7, days30, days90, later }) => (
          <>
            <Row
              to={{ to: '/certificates', search: { status: 'expired' } }}
              tone="bad"
              icon="cross"
              word="Expired"
              count={expired}
            />
            <Row
              to={{ to: '/certificates', search: { withinDays: '7' } }}
              tone="bad"
              icon="warning"
              word="Within 7 days"
              count={days7}
            />
            <Row
              to={{ to: '/certificates', search: { withinDays: '30' } }}
              tone="warn"
              icon="clock"
              word="Within 30 days"
              count={days30}
            />
            <Row
              to={{ to: '/certificates', search: { withinDays: '90' } }}
              tone="part"
              icon="clock"
              word="Within 90 days"
              count={days90}
            />
            <Row
              to={{ to: '/certificates', search: { status: 'valid' } }}
              tone="good"
              icon="check"
              word="Later"
              count={later}
            />
          </>
        )}
      </Loaded>
    </Tile>
  )
}

function Attention({ plant }: { readonly plant: Plant }) {
  const waiting = useWaiting(true)
  return (
    <Tile title="Waiting for somebody" to={{ to: '/enrollment', search: { state: 'pending' } }}>
      <Row
        to={{ to: '/enrollment', search: { state: 'pending' } }}
        tone="warn"
        icon="enrollment"
        word="Enrollments to approve"
        count={waiting.data ?? 0}
      />
      <Row
        to={{ to: '/devices', search: { standing: 'drift' } }}
        tone="warn"
        icon="drift"
        word="Drift findings"
        count={plant.drift}
      />
      <Row
        to={{ to: '/devices', search: { standing: 'left' } }}
        tone="warn"
        icon="leave"
        word="Devices that left the model"
        count={plant.standings.left}
      />
      <Row
        to={{ to: '/certificates', search: { withinDays: '30', inUse: 'true' } }}
        tone="warn"
        icon="certificate"
        word="Device certificates about to end"
        count={plant.expiring}
      />
    </Tile>
  )
}

function Jobs({ plant }: { readonly plant: string }) {
  const query = useQuery(activeJobsQuery(plant))
  return (
    <Tile title="Jobs" to={{ to: '/jobs' }}>
      <Loaded query={query} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <p className={classes['none']}>Nothing runs or waits.</p>
          ) : (
            items.slice(0, 4).map((job) => <JobRow key={job.id} job={job} />)
          )
        }
      </Loaded>
    </Tile>
  )
}

function JobRow({
  job: { id, kind, state, progress, requestedBy, requestedAt, deployment, window },
}: {
  readonly job: Job
}) {
  const where =
    deployment === null
      ? { to: '/jobs', search: { job: id } }
      : { to: `/deployments/${encodeURIComponent(deployment)}` }
  return (
    <Link {...where} className={classes['job']}>
      <span className={classes['jobHead']}>
        <b>{jobWord(kind)}</b>
        <span>
          {state === 'waiting'
            ? window === null
              ? 'waits'
              : `waits for ${window}`
            : progress === null
              ? 'runs'
              : `${progress.done} of ${progress.total}`}
        </span>
      </span>
      {progress === null ? null : (
        <progress
          className={classes['progress']}
          value={progress.done}
          max={Math.max(1, progress.total)}
          aria-label={`${jobWord(kind)}: ${progress.done} of ${progress.total}`}
        />
      )}
      <span className={classes['unit']}>
        {requestedBy}, <Moment at={requestedAt} />
      </span>
    </Link>
  )
}

function Deployments({ plant }: { readonly plant: string }) {
  const query = useQuery(recentDeploymentsQuery(plant))
  return (
    <Tile title="Deployments" to={{ to: '/deployments' }}>
      <Loaded query={query} lines={4}>
        {({ items }) =>
          items.length === 0 ? (
            <p className={classes['none']}>
              Nothing was deployed yet. <Link to="/deployments">Make a plan</Link> to see what would change.
            </p>
          ) : (
            items.map(({ id, kind, status, startedAt, by }) => (
              <Link key={id} to={`/deployments/${encodeURIComponent(id)}`} className={classes['deployment']}>
                <OutcomeState outcome={status} />
                <span className={classes['count']}>
                  <Moment at={startedAt} />
                </span>
                <span className={classes['unit']}>
                  {kind === 'release' ? 'Release' : 'Deployment'}
                  {by === null ? '' : ` by ${by}`}
                </span>
              </Link>
            ))
          )
        }
      </Loaded>
    </Tile>
  )
}
