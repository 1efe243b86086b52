import { Button, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { type ReactNode, useEffect, useState } from 'react'
import { Icon } from './icon.tsx'
import classes from './filters.module.css'

/** A line of filters above a list, with a way to clear them. */
export function Filters({
  children,
  clear,
  count,
}: {
  readonly children: ReactNode
  /** Absent while no filter is set. */
  readonly clear?: (() => void) | undefined
  /** How many rows there are, in words. */
  readonly count?: ReactNode
}) {
  return (
    <search className={classes['filters']}>
      {children}
      {clear === undefined ? null : (
        <Button variant="subtle" leftSection={<Icon name="close" size={12} />} onClick={clear}>
          Clear filters
        </Button>
      )}
      <span className={classes['count']} role="status">
        {count}
      </span>
    </search>
  )
}

/** The text filter of a page: `/` leads to it, and it is asked for once typing pauses. */
export function TextFilter({
  value,
  change,
  label,
}: {
  readonly value: string
  readonly change: (value: string) => void
  readonly label: string
}) {
  const [typed, setTyped] = useState(value)
  const later = useDebouncedCallback(change, 200)
  useEffect(() => setTyped(value), [value])
  return (
    <TextInput
      data-search
      aria-label={label}
      placeholder={`${label}  ( / )`}
      leftSection={<Icon name="search" size={14} />}
      w={260}
      maxLength={128}
      value={typed}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value)
        later(currentTarget.value)
      }}
    />
  )
}
