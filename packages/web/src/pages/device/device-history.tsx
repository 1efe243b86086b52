import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { DeviceDetail } from '../../api-types.ts'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Part } from '../../components/facts.tsx'
import { Link } from '../../components/link.tsx'
import { Loading } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { OutcomeState, State } from '../../components/state.tsx'
import { deviceAuditQuery, deviceFindingsQuery } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { type HistoryEntry, historyOf } from './history.ts'
import classes from './device.module.css'

/** What happened to a device, the newest first. */
export function DeviceHistory({ detail: { device, lastDeployment } }: { readonly detail: DeviceDetail }) {
  const plant = usePlant()
  const mayReadAudit = usePermits('audit.read')
  const findings = useQuery(deviceFindingsQuery(plant, device.name))
  const audit = useQuery({ ...deviceAuditQuery(plant, device.name), enabled: mayReadAudit && plant !== '' })
  const entries = useMemo(
    () => historyOf(lastDeployment, findings.data?.items ?? [], audit.data?.items ?? []),
    [lastDeployment, findings.data, audit.data],
  )
  const failure = findings.error ?? audit.error
  return (
    <>
      {failure === null ? null : (
        <Failure
          cause={failure}
          retry={() => {
            void findings.refetch()
            if (mayReadAudit) void audit.refetch()
          }}
        />
      )}
      {findings.isLoading || audit.isLoading ? <Loading /> : null}
      {entries.length === 0 && !findings.isLoading && failure === null ? (
        <Empty title="Nothing happened to it yet">
          Deployments, drift and what people did to it will be listed here.
        </Empty>
      ) : (
        <Part
          title="History"
          aside={mayReadAudit ? undefined : <span>without the audit, which your roles do not open</span>}
        >
          <ul className={classes['entries']}>
            {entries.map((entry) => (
              <li key={entry.key}>
                <Moment at={entry.at} />
                <Kind entry={entry} />
                <div>
                  {entry.deployment === undefined ? (
                    entry.kind === 'audit' ? (
                      <code className="mono">{entry.title}</code>
                    ) : (
                      entry.title
                    )
                  ) : (
                    <Link to={`/deployments/${encodeURIComponent(entry.deployment)}`}>Deployment</Link>
                  )}
                  <div className={classes['detail']}>{entry.detail}</div>
                </div>
              </li>
            ))}
          </ul>
        </Part>
      )}
    </>
  )
}

function Kind({ entry: { kind, title, outcome } }: { readonly entry: HistoryEntry }) {
  switch (kind) {
    case 'deployment':
      return <OutcomeState outcome={title} />
    case 'drift-found':
      return (
        <State tone="warn" icon="drift">
          Drift found
        </State>
      )
    case 'drift-gone':
      return (
        <State tone="good" icon="check">
          Drift gone
        </State>
      )
    case 'audit':
      return outcome === 'done' ? (
        <State tone="none" icon="audit">
          Done
        </State>
      ) : (
        <State tone="bad" icon="cross">
          {outcome === 'refused' ? 'Refused' : 'Failed'}
        </State>
      )
  }
}
