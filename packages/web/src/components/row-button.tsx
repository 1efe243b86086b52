import type { ReactNode } from 'react'
import classes from './row-button.module.css'

/** What opens the detail of a row. */
export function RowButton({ open, children }: { readonly open: () => void; readonly children: ReactNode }) {
  return (
    <button type="button" className={classes['button']} onClick={open}>
      {children}
    </button>
  )
}
