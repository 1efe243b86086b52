import type { ReactNode } from 'react'
import classes from './empty.module.css'

/** In place of a list without rows: why it is empty and what to do next. */
export function Empty({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <div className={classes['empty']}>
      <p className={classes['title']}>{title}</p>
      <p className={classes['next']}>{children}</p>
    </div>
  )
}
