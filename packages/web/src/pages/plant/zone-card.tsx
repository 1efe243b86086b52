import type { Node, NodeProps } from '@xyflow/react'
import { Handle, Position } from '@xyflow/react'
import { type KeyboardEvent, memo, useContext } from 'react'
import type { Zone } from '../../api-types.ts'
import { Icon } from '../../components/icon.tsx'
import { protectionOf, protections, StageState, standingOrder, standings } from '../../components/state.tsx'
import { weaker } from '../../components/weaker.ts'
import { MapActions } from './map-actions.ts'
import { OpenedZone } from './opened-zone.tsx'
import classes from './zone-card.module.css'

/** A zone on the map. */
export type ZoneNode = Node<
  {
    readonly zone: Zone
    readonly isOpen: boolean
    readonly isPinned: boolean
    readonly isFaded: boolean
  },
  'zone'
>

const stepBy: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** Card of a zone: counts by standing, protection and stage; opened, its devices. */
export const ZoneCard = memo(function ZoneCard({ data: { zone, isOpen, isPinned, isFaded } }: NodeProps<ZoneNode>) {
  const { open, move } = useContext(MapActions)
  const promise = weaker(protectionOf(zone.messaging), protectionOf(zone.io))
  const onKey = (event: KeyboardEvent) => {
    const step = event.altKey ? stepBy[event.key] : undefined
    if (step === undefined) return
    event.preventDefault()
    move(zone.name, step[0] * 20, step[1] * 20)
  }
  return (
    <div className={classes['card']} data-promise={promise} data-open={isOpen} data-faded={isFaded}>
      <button
        type="button"
        className={classes['face']}
        aria-expanded={isOpen}
        onClick={() => open(isOpen ? undefined : zone.name)}
        onKeyDown={onKey}
      >
        <span className={classes['name']}>
          {isPinned ? <Icon name="pin" size={14} /> : null}
          <span className={classes['words']}>{zone.name}</span>
        </span>
        <span className={classes['count']}>
          {zone.devices}
          <span className={classes['unit']}> {zone.devices === 1 ? 'device' : 'devices'}</span>
        </span>
        <span className={classes['standings']}>
          {standingOrder.map((standing) => {
            const count = zone.standings[standing]
            if (count === 0) return null
            const { tone, icon, word } = standings[standing]
            return (
              <span key={standing} data-tone={tone} title={`${count} ${word}`}>
                <Icon name={icon} size={12} />
                {count}
              </span>
            )
          })}
        </span>
        <span className={classes['foot']}>
          <span className={classes['promise']} title={protections[promise].meaning}>
            <Icon name={protections[promise].icon} size={13} />
            {protections[promise].word}
          </span>
          <StageState stage={zone.stage} />
        </span>
      </button>
      {isOpen ? <OpenedZone zone={zone} /> : null}
      <Handle type="target" position={Position.Top} isConnectable={false} className={classes['handle'] ?? ''} />
      <Handle type="source" position={Position.Bottom} isConnectable={false} className={classes['handle'] ?? ''} />
    </div>
  )
})
