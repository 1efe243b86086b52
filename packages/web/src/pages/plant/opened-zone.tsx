import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useContext, useEffect, useRef, useState } from 'react'
import type { Zone } from '../../api-types.ts'
import { Icon } from '../../components/icon.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { ProtectionState, protectionOf, standings } from '../../components/state.tsx'
import { zoneDevicesQuery } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'
import { MapActions } from './map-actions.ts'
import classes from './opened-zone.module.css'

/** Most devices that are listed in a card; the list of devices has them all. */
const most = 200

const authentications: Readonly<Record<string, string>> = {
  certificate: 'by certificate',
  psk: 'by pre-shared key',
  'trusted-ip': 'by trusted address',
  none: 'not at all',
}

/** What an opened zone shows: its protection and its devices. */
export function OpenedZone({ zone }: { readonly zone: Zone }) {
  const plant = usePlant()
  const { hide, pin, isPinned, select, device: marked } = useContext(MapActions)
  const devices = useQuery(zoneDevicesQuery(plant, zone.name))
  const [text, setText] = useState('')
  const list = useRef<HTMLUListElement>(null)
  const isThere = devices.data !== undefined
  useEffect(() => {
    if (marked === undefined || !isThere) return
    list.current?.querySelector('[data-marked="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [marked, isThere])
  return (
    <div className={`${classes['body']} nodrag nopan nowheel`}>
      <dl className={classes['facts']}>
        <dt>Messaging</dt>
        <dd>
          <ProtectionState protection={protectionOf(zone.messaging)} />
        </dd>
        <dt>I/O</dt>
        <dd>
          <ProtectionState protection={protectionOf(zone.io)} />
        </dd>
        <dt>Peers known</dt>
        <dd>{authentications[zone.authentication] ?? zone.authentication}</dd>
      </dl>
      <Loaded query={devices} lines={4}>
        {({ items }) => {
          const lower = text.trim().toLowerCase()
          const found = items.filter(
            ({ name, address }) => name.toLowerCase().includes(lower) || (address ?? '').includes(lower),
          )
          return (
            <>
              {items.length > 12 ? (
                <TextInput
                  aria-label={`Filter the devices of zone ${zone.name}`}
                  placeholder="Filter devices"
                  value={text}
                  onChange={({ currentTarget }) => setText(currentTarget.value)}
                />
              ) : null}
              <ul className={classes['list']} ref={list}>
                {found.slice(0, most).map(({ name, address, standing }) => (
                  <li key={name} data-marked={name === marked}>
                    <Link
                      to={`/devices/${encodeURIComponent(name)}`}
                      className={classes['device']}
                      aria-current={name === marked ? 'true' : undefined}
                      onFocus={() => name !== marked && marked !== undefined && select(name)}
                    >
                      <span data-tone={standings[standing].tone} title={standings[standing].word}>
                        <Icon name={standings[standing].icon} size={14} />
                        <span className="visually-hidden">{standings[standing].word}</span>
                      </span>
                      <span className={classes['name']}>{name}</span>
                      <span className={classes['address']}>{address}</span>
                    </Link>
                  </li>
                ))}
              </ul>
              {found.length === 0 ? <p className={classes['none']}>No device of this zone matches.</p> : null}
            </>
          )
        }}
      </Loaded>
      <div className={classes['actions']}>
        <Link to="/devices" search={{ zone: zone.name }}>
          All in the list
        </Link>
        <span style={{ flex: 1 }} />
        <Button
          variant="default"
          size="compact-xs"
          leftSection={<Icon name="pin" size={12} />}
          onClick={() => pin(zone.name)}
        >
          {isPinned(zone.name) ? 'Unpin' : 'Pin'}
        </Button>
        <Button
          variant="default"
          size="compact-xs"
          leftSection={<Icon name="hide" size={12} />}
          onClick={() => hide(zone.name)}
        >
          Hide
        </Button>
      </div>
    </div>
  )
}
