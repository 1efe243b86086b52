import { TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { Icon } from './icon.tsx'

/** How long nobody types before it is searched, ms. */
const pauseMs = 300

/** A text that narrows a list, told once typing pauses. */
export function SearchBox({
  label,
  value,
  search,
}: {
  readonly label: string
  readonly value: string
  readonly search: (text: string) => void
}) {
  const [text, setText] = useState(value)
  const [known, setKnown] = useState(value)
  // The address changed by itself: a link, or going back.
  if (known !== value) {
    setKnown(value)
    if (value !== text.trim()) setText(value)
  }
  useEffect(() => {
    if (text.trim() === value) return
    const timer = setTimeout(() => search(text.trim()), pauseMs)
    return () => clearTimeout(timer)
  }, [text, value, search])
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      w="17rem"
      maxLength={128}
      leftSection={<Icon name="search" size={14} />}
      value={text}
      onChange={({ currentTarget }) => setText(currentTarget.value)}
    />
  )
}
