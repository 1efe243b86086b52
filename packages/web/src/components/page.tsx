import type { ReactNode } from 'react'
import { useEffect } from 'react'
import classes from './page.module.css'

/** A page: its heading, what stands beside it, and its content. */
export function PageBody({
  title,
  lead,
  actions,
  children,
  fill = false,
}: {
  readonly title: string
  /** A line under the heading. */
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
  /** The content takes the rest of the height and scrolls within itself. */
  readonly fill?: boolean
}) {
  useEffect(() => {
    document.title = `${title} - Cordon`
  }, [title])
  return (
    <div className={fill ? `${classes['page']} ${classes['fill']}` : classes['page']}>
      <div className={classes['head']}>
        <div className={classes['titles']}>
          <h1 className={classes['title']}>{title}</h1>
          {lead === undefined ? null : <div className={classes['lead']}>{lead}</div>}
        </div>
        {actions === undefined ? null : <div className={classes['actions']}>{actions}</div>}
      </div>
      {children}
    </div>
  )
}
