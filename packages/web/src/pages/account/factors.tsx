// biome-ignore-all lint/correctness/useJsxKeyInIterable: pairs of a name and a value, keyed by the name where they are drawn
import { Button, Group, Modal } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { KeySetup } from '../../credentials/key-setup.tsx'
import { RecoveryCodes } from '../../credentials/recovery-codes.tsx'
import { canUseKeys } from '../../credentials/security-key.ts'
import { TotpSetup } from '../../credentials/totp-setup.tsx'
import { api, ask } from '../../api.ts'
import { type Guarded, WithPassword } from './with-password.tsx'

/** One's second factors: codes from an app, security keys, recovery codes. */
export function Factors() {
  const factors = useQuery({
    queryKey: ['account', 'factors'],
    queryFn: ({ signal }) => ask('Reading your factors', api.GET('/api/v1/account/factors', { signal })),
  })
  const queries = useQueryClient()
  const [setup, setSetup] = useState<'totp' | 'webauthn'>()
  const [codes, setCodes] = useState<readonly string[]>()
  const [guarded, setGuarded] = useState<Guarded>()
  const changed = () => void queries.invalidateQueries({ queryKey: ['account'] })
  const close = () => {
    setSetup(undefined)
    setCodes(undefined)
    changed()
  }
  const enrolled = (given: readonly string[]) => {
    setSetup(undefined)
    if (given.length > 0) setCodes(given)
    changed()
  }
  return (
    <Section
      title="Second factors"
      lead="With one of these, a password that leaks opens nothing. Two are better: one may get lost."
      actions={
        <>
          {factors.data?.totp === null ? (
            <Button variant="default" onClick={() => setSetup('totp')}>
              Set up an authenticator app
            </Button>
          ) : null}
          <Button
            variant="default"
            disabled={!canUseKeys()}
            title={canUseKeys() ? undefined : 'Security keys need HTTPS and a browser that knows them'}
            onClick={() => setSetup('webauthn')}
          >
            Add a security key
          </Button>
        </>
      }
    >
      <Loaded query={factors} lines={3}>
        {({ totp, webauthn, recovery }) => (
          <>
            {totp === null && webauthn.length === 0 ? (
              <Remark tone="warn">You have no second factor. Set up an authenticator app or add a security key.</Remark>
            ) : null}
            <Facts
              facts={[
                [
                  'Authenticator app',
                  totp === null ? (
                    <Tone tone="none" text="Not set up" />
                  ) : (
                    <Group gap="sm">
                      <Tone tone="good" text="Set up" />
                      <Moment at={totp.since} />
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() =>
                          setGuarded({
                            title: 'Remove the authenticator app',
                            words: 'Its codes will open nothing any more.',
                            button: 'Remove',
                            work: async (password) => {
                              await ask('Removing the app', api.DELETE('/api/v1/account/totp', { body: { password } }))
                              changed()
                            },
                          })
                        }
                      >
                        Remove
                      </Button>
                    </Group>
                  ),
                ],
                [
                  'Recovery codes',
                  <Group gap="sm" key="recovery">
                    <Tone
                      tone={recovery === 0 ? 'none' : recovery < 3 ? 'warn' : 'good'}
                      text={recovery === 0 ? 'None left' : `${recovery} left`}
                    />
                    {totp !== null || webauthn.length > 0 ? (
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() =>
                          setGuarded({
                            title: 'Make new recovery codes',
                            words: 'The old ones end. The new ones are shown once.',
                            button: 'Make new codes',
                            work: async (password) => {
                              const made = await ask(
                                'Making recovery codes',
                                api.POST('/api/v1/account/recovery', { body: { password } }),
                              )
                              setCodes(made.codes)
                              changed()
                            },
                          })
                        }
                      >
                        Make new ones
                      </Button>
                    ) : null}
                  </Group>,
                ],
              ]}
            />
            {webauthn.length === 0 ? null : (
              <Rows
                label="Security keys"
                rows={webauthn}
                id={({ id }) => id}
                columns={[
                  { key: 'name', head: 'Security key', width: 'minmax(8rem, 1fr)', cell: ({ name }) => name },
                  { key: 'made', head: 'Added', width: '11rem', cell: ({ createdAt }) => <Moment at={createdAt} /> },
                  {
                    key: 'used',
                    head: 'Last used',
                    width: '11rem',
                    cell: ({ usedAt }) => <Moment at={usedAt} none="Never" />,
                  },
                  {
                    key: 'do',
                    head: <span className="visually-hidden">Remove</span>,
                    width: '6.5rem',
                    end: true,
                    cell: ({ id, name }) => (
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={`Remove ${name}`}
                        onClick={() =>
                          setGuarded({
                            title: `Remove ${name}`,
                            words: 'The key will open nothing any more.',
                            button: 'Remove',
                            work: async (password) => {
                              await ask(
                                'Removing the key',
                                api.DELETE('/api/v1/account/webauthn/{id}', {
                                  params: { path: { id } },
                                  body: { password },
                                }),
                              )
                              changed()
                            },
                          })
                        }
                      >
                        Remove
                      </Button>
                    ),
                  },
                ]}
              />
            )}
          </>
        )}
      </Loaded>
      <Modal
        opened={setup !== undefined}
        onClose={() => setSetup(undefined)}
        title={setup === 'totp' ? 'Set up an authenticator app' : 'Add a security key'}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {setup === 'totp' ? <TotpSetup done={enrolled} /> : <KeySetup done={enrolled} />}
      </Modal>
      <Modal
        opened={codes !== undefined}
        onClose={close}
        closeOnEscape={false}
        closeOnClickOutside={false}
        withCloseButton={false}
        title="Your recovery codes"
      >
        {codes === undefined ? null : <RecoveryCodes codes={codes} done={close} />}
      </Modal>
      <WithPassword wanted={guarded} close={() => setGuarded(undefined)} />
    </Section>
  )
}
