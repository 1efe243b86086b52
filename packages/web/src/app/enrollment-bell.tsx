import { Icon } from '../components/icon.tsx'
import { Link } from '../components/link.tsx'
import { useWaiting } from '../data/plants.ts'
import { usePermits } from '../data/session.ts'
import classes from './enrollment-bell.module.css'

/** How many devices wait for somebody to approve them. */
export function EnrollmentBell() {
  const mayRead = usePermits('enrollment.read')
  const { data: waiting = 0 } = useWaiting(mayRead)
  if (!mayRead) return null
  const words =
    waiting === 0
      ? 'No enrollment waits'
      : `${waiting} ${waiting === 1 ? 'enrollment waits' : 'enrollments wait'} for approval`
  return (
    <Link
      to="/enrollment"
      search={{ state: waiting === 0 ? undefined : 'pending' }}
      className={classes['bell']}
      aria-label={words}
      title={words}
    >
      <Icon name="bell" />
      {waiting === 0 ? null : <span className={classes['count']}>{waiting > 99 ? '99+' : waiting}</span>}
    </Link>
  )
}
