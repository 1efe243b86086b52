import { Button, PasswordInput, Stack } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { NotOffered } from '../../components/permitted.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import { saveFile } from '../../data/save-file.ts'
import { usePermits } from '../../data/session.ts'
import { sizeText } from './size-text.ts'

/** Fewest characters that the manager takes. */
const shortest = 12

/** Everything in one sealed file. */
export function Backup() {
  const canMake = usePermits('backup')
  const [passphrase, setPassphrase] = useState('')
  const [again, setAgain] = useState('')
  const make = useMutation({
    mutationFn: async () => {
      const answer: unknown = await ask(
        'Making the backup',
        api.POST('/api/v1/backups', { body: { passphrase }, parseAs: 'blob' }),
      )
      if (!(answer instanceof Blob)) throw new TypeError('The manager sent no file. Try again.')
      const name = `cordon-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.backup`
      saveFile(name, answer)
      return { name, size: answer.size }
    },
    onSuccess: () => {
      setPassphrase('')
      setAgain('')
    },
  })
  const isShort = passphrase.length > 0 && passphrase.length < shortest
  const differs = again !== '' && again !== passphrase
  const send = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <Section
      title="Backup"
      lead="Plants, users, audit, certificates and keys in one file, sealed by a passphrase. On another machine, cordon ca restore opens it."
    >
      <NotOffered needs="backup" what="make backups" />
      {canMake ? (
        <form onSubmit={send} style={{ maxWidth: '26rem' }}>
          <Stack gap="md">
            <Remark tone="warn">
              Whoever has the file and the passphrase has the keys of your authorities. Without the passphrase nobody
              can open it, you included.
            </Remark>
            <PasswordInput
              label="Passphrase"
              description={`At least ${shortest} characters; some words that nobody guesses.`}
              error={isShort ? `${shortest - passphrase.length} more characters.` : undefined}
              size="sm"
              autoComplete="new-password"
              maxLength={256}
              value={passphrase}
              onChange={({ currentTarget }) => setPassphrase(currentTarget.value)}
            />
            <PasswordInput
              label="Once more"
              error={differs ? 'It differs from the first one.' : undefined}
              size="sm"
              autoComplete="new-password"
              maxLength={256}
              value={again}
              onChange={({ currentTarget }) => setAgain(currentTarget.value)}
            />
            <Refused cause={make.error} />
            <div>
              <Button
                type="submit"
                loading={make.isPending}
                disabled={passphrase.length < shortest || again !== passphrase}
              >
                Make and download
              </Button>
            </div>
          </Stack>
        </form>
      ) : null}
      <div role="status">
        {make.data === undefined ? null : (
          <Remark tone="good">
            {make.data.name}, {sizeText(make.data.size)}, was given to your browser. Keep it away from this machine.
          </Remark>
        )}
      </div>
    </Section>
  )
}
