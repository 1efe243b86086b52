import { SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import { KeySetup } from './key-setup.tsx'
import { RecoveryCodes } from './recovery-codes.tsx'
import { canUseKeys } from './security-key.ts'
import { TotpSetup } from './totp-setup.tsx'

/** Sets up the first second factor, then shows the recovery codes. */
export function EnrollFactor({ done }: { readonly done: () => void }) {
  const [kind, setKind] = useState<'totp' | 'webauthn'>('totp')
  const [codes, setCodes] = useState<readonly string[]>()
  if (codes !== undefined) return <RecoveryCodes codes={codes} done={done} />
  const enrolled = (given: readonly string[]) => (given.length === 0 ? done() : setCodes(given))
  return (
    <>
      {canUseKeys() ? (
        <SegmentedControl
          fullWidth
          mb="md"
          aria-label="Kind of second factor"
          value={kind}
          onChange={(value) => setKind(value === 'webauthn' ? 'webauthn' : 'totp')}
          data={[
            { value: 'totp', label: 'Authenticator app' },
            { value: 'webauthn', label: 'Security key' },
          ]}
        />
      ) : null}
      {kind === 'totp' ? <TotpSetup done={enrolled} /> : <KeySetup done={enrolled} />}
    </>
  )
}
