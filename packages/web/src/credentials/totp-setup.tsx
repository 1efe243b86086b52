import { Button, Code, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Loaded } from '../components/loading.tsx'
import { api, ask } from '../api.ts'
import { QrCode } from './qr-code.tsx'
import { Refused } from '../components/refused.tsx'

/** Sets up codes from an app: scan, type the first code. */
export function TotpSetup({ done }: { readonly done: (recoveryCodes: readonly string[]) => void }) {
  const [code, setCode] = useState('')
  const setup = useQuery({
    queryKey: ['totp-setup'],
    queryFn: () => ask('Beginning to set up codes', api.POST('/api/v1/account/totp')),
    // A secret that was shown is not kept for another time.
    gcTime: 0,
  })
  const confirm = useMutation({
    mutationFn: () =>
      ask('Confirming the code', api.POST('/api/v1/account/totp/confirm', { body: { code: code.trim() } })),
    onSuccess: ({ codes }) => done(codes),
  })
  const send = (event: FormEvent) => {
    event.preventDefault()
    confirm.mutate()
  }
  return (
    <Loaded query={setup} lines={4}>
      {({ uri, secret }) => (
        <form onSubmit={send}>
          <p>1. Scan this with an authenticator app.</p>
          <QrCode text={uri} label="QR code for the authenticator app" />
          <p>
            Cannot scan? Type this key into the app: <Code>{secret.replace(/(.{4})(?=.)/g, '$1 ')}</Code>
          </p>
          <TextInput
            mt="md"
            size="sm"
            label="2. Type the code that the app shows now"
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={8}
            value={code}
            onChange={({ currentTarget }) => setCode(currentTarget.value)}
          />
          <div style={{ marginTop: 12 }}>
            <Refused
              cause={confirm.error}
              words={(status) =>
                status === 403 || status === 400 || status === 422
                  ? 'That code is not right. Check that the clock of the phone is right, wait for the next code and type that.'
                  : undefined
              }
            />
          </div>
          <Button type="submit" size="sm" mt="md" loading={confirm.isPending} disabled={!/^\s*\d{6,8}\s*$/.test(code)}>
            Confirm
          </Button>
        </form>
      )}
    </Loaded>
  )
}
