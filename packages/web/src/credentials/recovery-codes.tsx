import { Button, Checkbox, CopyButton, Group } from '@mantine/core'
import { useState } from 'react'
import classes from './credentials.module.css'

/** Recovery codes, shown once: they can be copied and printed, and it goes on when the person says so. */
export function RecoveryCodes({ codes, done }: { readonly codes: readonly string[]; readonly done: () => void }) {
  const [isKept, setKept] = useState(false)
  return (
    <>
      <p>
        Each of these codes opens your account once without the second factor. They are shown only now. Keep them where
        you keep keys, not on this computer.
      </p>
      <ul className={classes['codes']} aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Group gap="sm" mb="md">
        <CopyButton value={codes.join('\n')}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy all'}
            </Button>
          )}
        </CopyButton>
        <Button variant="default" onClick={() => window.print()}>
          Print
        </Button>
      </Group>
      <Checkbox
        size="sm"
        label="I have kept them in a safe place"
        checked={isKept}
        onChange={({ currentTarget }) => setKept(currentTarget.checked)}
      />
      <Button mt="md" size="sm" disabled={!isKept} onClick={done}>
        Continue
      </Button>
    </>
  )
}
