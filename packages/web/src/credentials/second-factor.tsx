import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'
import { Refused } from '../components/refused.tsx'
import { canUseKeys, proveWithKey } from './security-key.ts'

type Factor = Shapes['Session']['factors'][number]

const labels: Readonly<Record<Factor, string>> = {
  totp: 'Code from app',
  webauthn: 'Security key',
  recovery: 'Recovery code',
}

/** Proves a second factor in one of the ways that this person has. */
export function SecondFactor({
  factors,
  done,
}: {
  readonly factors: readonly Factor[]
  readonly done: (session: Shapes['Session']) => void
}) {
  const usable = factors.filter((factor) => factor !== 'webauthn' || canUseKeys())
  const [chosen, choose] = useState<Factor>(usable.find((factor) => factor === 'webauthn') ?? usable[0] ?? 'recovery')
  const [code, setCode] = useState('')
  const prove = useMutation({
    mutationFn: (): Promise<Shapes['Session']> => {
      if (chosen === 'webauthn') return proveWithKey()
      const body = { code: code.trim() }
      return chosen === 'totp'
        ? ask('Signing in', api.POST('/api/v1/session/totp', { body }))
        : ask('Signing in', api.POST('/api/v1/session/recovery', { body }))
    },
    onSuccess: done,
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    prove.mutate()
  }
  return (
    <form onSubmit={send}>
      {usable.length > 1 ? (
        <SegmentedControl
          fullWidth
          mb="md"
          aria-label="Second factor"
          value={chosen}
          onChange={(value) => {
            const factor = usable.find((word) => word === value)
            if (factor === undefined) return
            choose(factor)
            setCode('')
            prove.reset()
          }}
          data={usable.map((value) => ({ value, label: labels[value] }))}
        />
      ) : null}
      {chosen === 'webauthn' ? (
        <p>Put your security key in, or hold it to the reader, and touch it when it blinks.</p>
      ) : (
        <TextInput
          key={chosen}
          size="sm"
          data-autofocus
          autoFocus
          label={chosen === 'totp' ? 'Code that your authenticator app shows' : 'One of your recovery codes'}
          inputMode={chosen === 'totp' ? 'numeric' : 'text'}
          autoComplete={chosen === 'totp' ? 'one-time-code' : 'off'}
          maxLength={32}
          value={code}
          onChange={({ currentTarget }) => setCode(currentTarget.value)}
        />
      )}
      <div style={{ marginTop: 12 }}>
        <Refused
          cause={prove.error}
          words={(status) =>
            status === 429
              ? 'Too many attempts. Wait a few minutes, then try again.'
              : status === 401 || status === 403
                ? 'That was not accepted. A code works once: wait for the next one. After several failures wait 15 minutes.'
                : undefined
          }
        />
      </div>
      <Button
        type="submit"
        size="sm"
        mt="md"
        fullWidth
        loading={prove.isPending}
        disabled={chosen !== 'webauthn' && code.trim().length < 6}
      >
        {chosen === 'webauthn' ? 'Use security key' : 'Sign in'}
      </Button>
    </form>
  )
}
