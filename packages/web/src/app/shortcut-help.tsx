import { Dialog } from '../components/dialog.tsx'
import { pageRoutes } from './routes.ts'
import classes from './shortcut-help.module.css'

const everywhere: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'Search pages, zones and devices (on a Mac: Cmd K)'],
  ['/', 'Search within this page'],
  ['?', 'This list'],
  ['Esc', 'Close what is open'],
]

/** The shortcuts, as a list. */
export function ShortcutHelp({ isOpen, close }: { readonly isOpen: boolean; readonly close: () => void }) {
  return (
    <Dialog isOpen={isOpen} close={close} title="Keyboard shortcuts">
      <div className={classes['columns']}>
        <dl className={classes['list']}>
          {everywhere.map(([keys, what]) => (
            <Row key={keys} keys={keys} what={what} />
          ))}
        </dl>
        <dl className={classes['list']}>
          {pageRoutes.map(({ key, title }) =>
            key === undefined ? null : <Row key={key} keys={`g ${key}`} what={title} />,
          )}
        </dl>
      </div>
    </Dialog>
  )
}

function Row({ keys, what }: { readonly keys: string; readonly what: string }) {
  return (
    <div className={classes['row']}>
      <dt>
        {keys.split(' ').map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </div>
  )
}
