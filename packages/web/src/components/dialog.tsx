import { Modal } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './dialog.module.css'

/** A dialog with a heading. The library's own has a header element, which would be a second banner of the page. */
export function Dialog({
  title,
  isOpen,
  close,
  size = 'lg',
  children,
}: {
  readonly title: string
  readonly isOpen: boolean
  readonly close: () => void
  readonly size?: 'sm' | 'md' | 'lg' | 'xl'
  readonly children: ReactNode
}) {
  return (
    <Modal.Root opened={isOpen} onClose={close} size={size}>
      <Modal.Overlay />
      <Modal.Content>
        <div className={classes['head']}>
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  )
}
