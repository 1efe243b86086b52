import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useParam } from '../../address/use-param.ts'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { ForThoseWith, NotOffered } from '../../components/permitted.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { Refused } from '../../components/refused.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { userQuery } from '../../data/people.ts'
import { sessionQuery, usePermits } from '../../data/session.ts'
import { factorNames, userStates } from '../../words/people.ts'
import { moment } from '../../words/time.ts'
import { OneTimeLink } from '../users/one-time-link.tsx'
import { RoleChoice } from '../users/role-choice.tsx'

type User = Shapes['User']

/** One user. */
export function Page() {
  const query = useQuery(userQuery(useParam('user')))
  return (
    <ForThoseWith needs="user.read" title="User">
      <Loaded query={query}>{(user) => <Body user={user} />}</Loaded>
    </ForThoseWith>
  )
}

function Body({ user }: { readonly user: User }) {
  const { id, name, display, roles, state, lockedUntil, provider, factors, sessions, createdAt, seenAt } = user
  const canWrite = usePermits('user.write')
  const session = useQuery(sessionQuery)
  const isMe = session.data?.user.id === id
  return (
    <PageBody title={display === '' ? name : `${display} (${name})`} lead={<Link to="/users">All users</Link>}>
      {state === 'locked' ? (
        <Remark tone="bad">
          Locked after too many failed attempts{lockedUntil === null ? '' : `, until ${moment(lockedUntil)}`}.
        </Remark>
      ) : null}
      <Facts
        facts={[
          ['State', <Tone key="s" {...userStates[state]} strong />],
          ['Roles', roles.join(', ')],
          ['Signs in by', provider ?? 'Password'],
          [
            'Second factor',
            provider !== null ? (
              `By ${provider}`
            ) : factors.length === 0 ? (
              <Tone key="f" tone="warn" text="None" />
            ) : (
              factors.map((factor) => factorNames[factor]).join(', ')
            ),
          ],
          ['Sessions', sessions],
          ['Last seen', <Moment key="l" at={seenAt} none="Never" />],
          ['Made', <Moment key="m" at={createdAt} />],
        ]}
      />
      <p>
        <Link to="/audit" search={{ actor: name, range: 'month' }}>
          What {name} did
        </Link>{' '}
        ·{' '}
        <Link to="/audit" search={{ subject: name, range: 'month' }}>
          What was done to {name}
        </Link>
      </p>
      <NotOffered needs="user.write" what="change users" />
      {canWrite ? (
        <>
          <Roles key={`${display} ${roles.join(' ')}`} user={user} isMe={isMe} />
          <Actions user={user} isMe={isMe} />
        </>
      ) : null}
    </PageBody>
  )
}

function Roles({ user, isMe }: { readonly user: User; readonly isMe: boolean }) {
  const { id } = user
  const [display, setDisplay] = useState(user.display)
  const [roles, setRoles] = useState<readonly User['roles'][number][]>(user.roles)
  const queries = useQueryClient()
  const change = useMutation({
    mutationFn: () =>
      ask(
        'Changing the user',
        api.PATCH('/api/v1/users/{id}', {
          params: { path: { id } },
          body: { display: display.trim(), roles: [...roles] },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['users'] }),
  })
  const sameRoles = roles.length === user.roles.length && user.roles.every((role) => roles.includes(role))
  const isSame = display.trim() === user.display && sameRoles
  const send = (event: FormEvent) => {
    event.preventDefault()
    change.mutate()
  }
  return (
    <Section title="Name and roles">
      <form onSubmit={send} style={{ maxWidth: '32rem' }}>
        <Stack gap="md">
          <TextInput
            label="In full"
            size="sm"
            maxLength={128}
            value={display}
            onChange={({ currentTarget }) => setDisplay(currentTarget.value)}
          />
          <RoleChoice chosen={roles} choose={setRoles} />
          {isMe && !sameRoles ? (
            <Remark tone="warn">These are your own roles. You may lose the right to change them back.</Remark>
          ) : null}
          <Refused cause={change.error} />
          <Group gap="sm">
            <Button type="submit" loading={change.isPending} disabled={isSame || roles.length === 0}>
              Save
            </Button>
            <Button
              variant="default"
              disabled={isSame}
              onClick={() => {
                setDisplay(user.display)
                setRoles(user.roles)
                change.reset()
              }}
            >
              Undo
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  )
}

function Actions({ user, isMe }: { readonly user: User; readonly isMe: boolean }) {
  const { id, name, state, provider, factors, sessions } = user
  const [wanted, setWanted] = useState<Wanted>()
  const [link, setLink] = useState<Shapes['OneTimeLink']>()
  const queries = useQueryClient()
  const path = { params: { path: { id } } }
  const changed = () => queries.invalidateQueries({ queryKey: ['users'] })
  const isDisabled = state === 'disabled'
  const acts: readonly {
    readonly key: string
    /** On the button, where it is not that of the dialog. */
    readonly label?: string
    readonly offered: boolean
    readonly lead: string
    readonly wanted: Wanted
  }[] = [
    {
      key: 'unlock',
      offered: state === 'locked',
      lead: 'Too many attempts failed. The lock ends by itself, too.',
      wanted: {
        title: `Unlock ${name}`,
        words: `Ask ${name} first whether the failed attempts were theirs: if not, somebody guesses.`,
        button: 'Unlock',
        work: async () => {
          await ask('Unlocking the user', api.POST('/api/v1/users/{id}/unlock', path))
          await changed()
        },
      },
    },
    {
      key: 'reset',
      label: 'Reset password',
      offered: provider === null && !isDisabled,
      lead: 'A link with which a new password is set. All sessions end.',
      wanted: {
        title: `Reset the password of ${name}`,
        words: `The sessions of ${name} end, and a link is shown once that sets a new password.`,
        button: 'Make the link',
        work: async () => {
          setLink(await ask('Making the link', api.POST('/api/v1/users/{id}/reset', path)))
          await changed()
        },
      },
    },
    {
      key: 'factors',
      offered: factors.length > 0,
      lead: 'For a lost phone or key. All sessions end; a new factor is set up at the next sign-in where the role needs one.',
      wanted: {
        title: `Remove the second factors of ${name}`,
        words: `Be sure that it is ${name} who asks: without a second factor the password alone opens the account.`,
        button: 'Remove factors',
        harms: true,
        work: async () => {
          await ask('Removing the factors', api.DELETE('/api/v1/users/{id}/factors', path))
          await changed()
        },
      },
    },
    {
      key: 'sessions',
      offered: sessions > 0,
      lead: 'Everywhere at once.',
      wanted: {
        title: `End the sessions of ${name}`,
        words: isMe ? 'Yours end too: you have to sign in again.' : `${name} has to sign in again everywhere.`,
        button: 'End sessions',
        harms: true,
        work: async () => {
          await ask('Ending the sessions', api.DELETE('/api/v1/users/{id}/sessions', path))
          await changed()
        },
      },
    },
    {
      key: 'disable',
      offered: !isMe,
      lead: isDisabled
        ? 'Nobody can sign in with it, and its tokens are refused.'
        : 'Sessions end and tokens are refused; what was done stays in the audit.',
      wanted: {
        title: isDisabled ? `Enable ${name}` : `Disable ${name}`,
        words: isDisabled
          ? `${name} can sign in again.`
          : `${name} can sign in no more until somebody enables the account.`,
        button: isDisabled ? 'Enable' : 'Disable',
        harms: !isDisabled,
        work: async () => {
          await ask(
            isDisabled ? 'Enabling the user' : 'Disabling the user',
            api.PATCH('/api/v1/users/{id}', { ...path, body: { disabled: !isDisabled } }),
          )
          await changed()
        },
      },
    },
  ]
  return (
    <Section title="Account">
      <Stack gap="sm">
        {acts
          .filter(({ offered }) => offered)
          .map(({ key, lead, label, wanted: act }) => (
            <Group key={key} gap="md">
              <Button variant="default" miw="10rem" onClick={() => setWanted(act)}>
                {label ?? act.button}
              </Button>
              <span style={{ color: 'var(--mantine-color-dimmed)', flex: '1 1 16rem' }}>{lead}</span>
            </Group>
          ))}
        {isMe ? (
          <p style={{ color: 'var(--mantine-color-dimmed)' }}>
            You cannot disable yourself: another administrator can.
          </p>
        ) : null}
      </Stack>
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
      <Modal
        opened={link !== undefined}
        onClose={() => setLink(undefined)}
        title={`Link for ${name}`}
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {link === undefined ? null : <OneTimeLink name={name} link={link} done={() => setLink(undefined)} />}
      </Modal>
    </Section>
  )
}
