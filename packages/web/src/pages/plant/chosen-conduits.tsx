import { ActionIcon } from '@mantine/core'
import { Icon } from '../../components/icon.tsx'
import { Link } from '../../components/link.tsx'
import { ProtectionState } from '../../components/state.tsx'
import type { Bundle } from './bundles.ts'
import classes from './plant.module.css'

/** The conduits of the line that was chosen. */
export function ChosenConduits({ bundle, close }: { readonly bundle: Bundle; readonly close: () => void }) {
  return (
    <aside className={classes['chosen']} aria-label={`Conduits between ${bundle.a} and ${bundle.b}`}>
      <div className={classes['chosenHead']}>
        <h2>
          {bundle.a} – {bundle.b}
        </h2>
        <ActionIcon aria-label="Close" onClick={close}>
          <Icon name="close" />
        </ActionIcon>
      </div>
      <ul className={classes['conduits']}>
        {bundle.conduits.map(({ id, between, messagingProtection, ioProtection }) => (
          <li key={id}>
            <div>{between.join(' – ')}</div>
            <div className={classes['promises']}>
              <span>Messaging</span> <ProtectionState protection={messagingProtection} />
              <span>I/O</span> <ProtectionState protection={ioProtection} />
            </div>
          </li>
        ))}
      </ul>
      <Link to="/connections" search={{ pair: bundle.id }}>
        Connections between these zones
      </Link>
    </aside>
  )
}
