import { Button, NativeSelect, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import classes from './form-view.module.css'

/** A field of a new row: a word that fits a pattern, or one of a list. */
export interface AddField {
  readonly key: string
  readonly label: string
  readonly pattern?: RegExp
  readonly words?: readonly string[]
  /** Id of a list of suggestions. */
  readonly list?: string
}

/** Fields for a new row under a table. */
export function AddRow({
  title,
  fields,
  taken,
  add,
}: {
  readonly title: string
  readonly fields: readonly AddField[]
  /** Names that are there already. */
  readonly taken: readonly string[]
  readonly add: (values: Readonly<Record<string, string>>) => void
}) {
  const [values, setValues] = useState<Readonly<Record<string, string>>>({})
  const valueIn = ({ key, words }: AddField) => values[key] ?? words?.[0] ?? ''
  const isTaken = taken.includes(values['name'] ?? '')
  const isReady =
    !isTaken &&
    fields.every((field) => (field.pattern === undefined ? valueIn(field) !== '' : field.pattern.test(valueIn(field))))
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (!isReady) return
    add(Object.fromEntries(fields.map((field) => [field.key, valueIn(field)])))
    setValues((before) =>
      Object.fromEntries(fields.filter(({ words }) => words !== undefined).map(({ key }) => [key, before[key] ?? ''])),
    )
  }
  return (
    <form className={classes['add']} onSubmit={send} aria-label={title}>
      {fields.map((field) => {
        const shared = {
          label: field.label,
          value: valueIn(field),
          onChange: ({ currentTarget: { value } }: { currentTarget: { value: string } }) =>
            setValues({ ...values, [field.key]: value }),
        }
        return field.words === undefined ? (
          <TextInput
            key={field.key}
            {...shared}
            list={field.list}
            maxLength={64}
            error={field.key === 'name' && isTaken ? 'Is there already' : undefined}
          />
        ) : (
          <NativeSelect key={field.key} {...shared} data={[...field.words]} />
        )
      })}
      <Button type="submit" variant="default" disabled={!isReady}>
        {title}
      </Button>
    </form>
  )
}
