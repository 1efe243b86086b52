import { TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'

/** A word in a table that is edited in place: taken on Enter or on leaving, left as it was on Escape. */
export function EditCell({
  label,
  value,
  change,
  pattern,
  wrong,
  placeholder,
  list,
  disabled = false,
}: {
  readonly label: string
  readonly value: string
  readonly change: (value: string) => void
  readonly pattern?: RegExp
  /** What to say where the pattern does not fit. */
  readonly wrong?: string
  readonly placeholder?: string
  /** Id of a list of suggestions. */
  readonly list?: string
  readonly disabled?: boolean
}) {
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  const isWrong = typed !== value && pattern !== undefined && !pattern.test(typed)
  const take = () => {
    if (typed === value) return
    if (isWrong) setTyped(value)
    else change(typed)
  }
  return (
    <TextInput
      variant="unstyled"
      aria-label={label}
      value={typed}
      list={list}
      placeholder={placeholder}
      disabled={disabled}
      aria-invalid={isWrong}
      title={isWrong ? wrong : undefined}
      maxLength={512}
      onChange={({ currentTarget }) => setTyped(currentTarget.value)}
      onBlur={take}
      onKeyDown={(event) => {
        if (event.key === 'Enter') take()
        if (event.key === 'Escape') {
          setTyped(value)
          event.stopPropagation()
        }
      }}
      styles={{
        input: {
          height: 28,
          minHeight: 28,
          paddingInline: 6,
          borderRadius: 4,
          border: `1px solid ${isWrong ? 'var(--state-bad)' : 'transparent'}`,
          backgroundColor: isWrong ? 'var(--surface)' : undefined,
        },
      }}
    />
  )
}
