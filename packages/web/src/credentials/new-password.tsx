import { PasswordInput } from '@mantine/core'
import { Icon } from '../components/icon.tsx'
import classes from './credentials.module.css'
import { longestPassword, passwordHint } from './password-rule.ts'

/** A new password, typed twice. */
export interface NewPasswordValue {
  readonly password: string
  readonly again: string
}

/** Nothing typed yet. */
export const noPassword: NewPasswordValue = { password: '', again: '' }

/** Whether it is worth sending. */
export function isReady({ password, again }: NewPasswordValue, name: string): boolean {
  return passwordHint(password, name).isAcceptable && password === again
}

/** Fields for a new password with what to do about it. */
export function NewPassword({
  value,
  change,
  name,
  label = 'Password',
}: {
  readonly value: NewPasswordValue
  readonly change: (value: NewPasswordValue) => void
  readonly name: string
  readonly label?: string
}) {
  const hint = passwordHint(value.password, name)
  const differs = value.again !== '' && value.again !== value.password
  return (
    <>
      <PasswordInput
        label={label}
        size="sm"
        autoComplete="new-password"
        maxLength={longestPassword}
        value={value.password}
        onChange={({ currentTarget }) => change({ ...value, password: currentTarget.value })}
        aria-describedby="password-hint"
        required
        withAsterisk={false}
      />
      <p id="password-hint" className={classes['hint']} data-tone={hint.tone} aria-live="polite">
        {hint.tone === 'none' ? null : (
          <Icon name={hint.tone === 'good' ? 'check' : hint.tone === 'warn' ? 'warning' : 'cross'} size={13} />
        )}
        {hint.text}
      </p>
      <PasswordInput
        label={`${label} again`}
        size="sm"
        autoComplete="new-password"
        maxLength={longestPassword}
        value={value.again}
        onChange={({ currentTarget }) => change({ ...value, again: currentTarget.value })}
        error={differs ? 'The two are not the same.' : undefined}
        required
        withAsterisk={false}
      />
    </>
  )
}
