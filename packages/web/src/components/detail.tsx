import { Drawer } from '@mantine/core'
import type { ReactNode } from 'react'

/** What is behind a row: beside the list, so that the list stays in sight. The address carries which one. */
export function Detail({
  title,
  isOpen,
  close,
  children,
}: {
  readonly title: ReactNode
  readonly isOpen: boolean
  readonly close: () => void
  readonly children: ReactNode
}) {
  return (
    <Drawer
      opened={isOpen}
      onClose={close}
      position="right"
      size="min(44rem, 94vw)"
      title={title}
      styles={{ title: { fontWeight: 600, fontSize: 'var(--mantine-font-size-lg)' } }}
      closeButtonProps={{ 'aria-label': 'Close' }}
      overlayProps={{ backgroundOpacity: 0.2 }}
    >
      {children}
    </Drawer>
  )
}
