import type { ReactNode } from 'react'
import type { Session } from '../api-types.ts'
import { usePermits } from '../data/session.ts'
import { rolesWith } from '../words/permissions.ts'
import { Empty } from './empty.tsx'
import { PageBody } from './page.tsx'

type Permission = Session['permissions'][number]

/** In place of a button that a person may not press: why it is not there. */
export function NotOffered({ needs, what }: { readonly needs: Permission; readonly what: string }) {
  const isPermitted = usePermits(needs)
  return isPermitted ? null : (
    <p style={{ color: 'var(--mantine-color-dimmed)' }}>
      You cannot {what}: that is for {rolesWith(needs)}.
    </p>
  )
}

/** A page that is only for those with a permission; for all others it says who has it. */
export function ForThoseWith({
  needs,
  title,
  children,
}: {
  readonly needs: Permission
  readonly title: string
  readonly children: ReactNode
}) {
  const isPermitted = usePermits(needs)
  return isPermitted ? (
    children
  ) : (
    <PageBody title={title}>
      <Empty title="Your roles do not show this">
        This page is for {rolesWith(needs)}. Ask an administrator for the role.
      </Empty>
    </PageBody>
  )
}
