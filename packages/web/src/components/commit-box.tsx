import { TextInput } from '@mantine/core'

/** A text that counts once it is finished: with Enter, or when the field is left. */
export function CommitBox({
  label,
  placeholder = label,
  value,
  commit,
  width = '10rem',
  maxLength = 128,
}: {
  readonly label: string
  readonly placeholder?: string
  readonly value: string
  readonly commit: (text: string) => void
  readonly width?: string
  readonly maxLength?: number
}) {
  const tell = (text: string) => {
    if (text.trim() !== value) commit(text.trim())
  }
  return (
    <TextInput
      // What the address says anew is what is in the field.
      key={value}
      aria-label={label}
      placeholder={placeholder}
      w={width}
      maxLength={maxLength}
      defaultValue={value}
      onBlur={({ currentTarget }) => tell(currentTarget.value)}
      onKeyDown={({ key, currentTarget }) => {
        if (key === 'Enter') tell(currentTarget.value)
      }}
    />
  )
}
