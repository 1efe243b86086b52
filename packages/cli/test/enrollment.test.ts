import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openAuthority } from '@cordon/server/authority'
import { destroyStore, openStore, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ask, keyOf } from '../../server/test/enrollment/queue-rows.ts'
import { environment, TemporaryState } from '../../server/test/store/support.ts'
import { main } from '../src/main.ts'

let place: TemporaryState
/** Open beside the commands: they find the database running, and the tests write what devices ask. */
let store: Store
let work = ''
const before = process.cwd()
const file = async (name: string, text: string): Promise<void> => await writeFile(join(work, name), text)

/** Runs `cordon enrollment …` in this process; `stopAt` sends Ctrl-C once standard error holds this text. */
async function run(args: readonly string[], stopAt?: RegExp) {
  let stdout = ''
  let stderr = ''
  let isRunning = true
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
      stdout += String(part)
      return true
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((part) => {
      stderr += String(part)
      if (isRunning && stopAt?.test(stderr) === true) {
        isRunning = false
        process.emit('SIGINT')
      }
      return true
    }),
  ]
  try {
    return { status: await main(['enrollment', ...args, '--state', place.state]), stdout, stderr }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** The document of a command that ends as it should. */
async function document(args: readonly string[], status = 0): Promise<Record<string, unknown>> {
  const ended = await run([...args, '--output', 'json'])
  expect(ended.status, ended.stderr).toBe(status)
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

const rules = `version: 1
provisioning:
  cards: { anchors: [cards], use: once }
labels:
  default:
    anyOf:
      - serialList: { list: spares }
      - allOf: [{ provisioningCertificate: {} }, { administrator: { approvals: 2 } }]
      - administrator: { approvals: 2 }
`

beforeAll(async () => {
  place = new TemporaryState()
  work = place.path('work')
  await mkdir(work)
  process.chdir(work)
  // Where the commands look for it, and not where TemporaryState has it as root.
  store = await openStore({ state: place.state, env: environment(), durable: false })
  const plan = { name: 'line', key: 'ecdsa-p256', subject: { organization: 'Example Works' }, zones: ['line'] } as const
  await openAuthority(store).initialize(plan)
})

afterAll(async () => {
  process.chdir(before)
  await store[Symbol.asyncDispose]()
  await destroyStore({ state: place.state, env: environment() })
  await place[Symbol.asyncDispose]()
})

describe('the queue', () => {
  // The first to run loads what the commands are made of.
  it('is listed, shown and decided; what is refused is said with its exit code', { timeout: 120_000 }, async () => {
    const ids = [await ask(store, 'Line_Mixer'), await ask(store, 'Line_Robot'), await ask(store, 'Line_Valve')]
    const [mixer, robot, valve] = ids.map(String) as [string, string, string]
    expect(await document(['list'])).toMatchObject({ enrollments: ids.map((id) => ({ id, state: 'pending' })) })
    expect((await run(['list', '--text', 'robot'])).stdout).toMatch(/Line_Robot/)
    const approved = await document(['approve', mixer, robot, '999999'], 3)
    expect(approved['results']).toMatchObject([{ result: 'done' }, { result: 'done' }, { result: 'refused' }])
    const again = await run(['approve', mixer])
    expect(again.status).toBe(4)
    expect(again.stdout).toMatch(/another/)
    const page = await run(['show', mixer])
    expect(page.stdout).toMatch(/What the rules say\npend: waits for an administrator/)
    expect(page.stdout).toMatch(/If you approve/)
    expect((await document(['show', mixer]))['request']).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----/)
    expect((await run(['deny', valve])).status).toBe(2)
    await document(['deny', valve, '--reason', 'nobody ordered it'])
    await document(['withdraw', robot])
    expect((await document(['history', 'Line_Valve']))['enrollments']).toMatchObject([
      { state: 'denied', words: [{ kind: 'asked' }, { kind: 'deny', reason: 'nobody ordered it' }] },
    ])
    expect((await document(['list', '--in', 'denied']))['enrollments']).toHaveLength(1)
    expect((await run(['approve', 'seven'])).stderr).toMatch(/number of an enrollment/)
    expect((await run(['show', '999999'])).status).toBe(2)
  })

  it('is followed until Ctrl-C, and what was told is the document', async () => {
    const followed = await run(['list', '--all', '--follow', '--output', 'json'], /Line_Robot/)
    expect(followed.status, followed.stderr).toBe(0)
    expect(JSON.parse(followed.stdout)).toMatchObject({
      enrollments: expect.arrayContaining([expect.objectContaining({ device: 'Line_Valve', state: 'denied' })]),
    })
  })

  it('has its clone alarms cleared for a reason', async () => {
    const id = await ask(store, 'Line_Moved')
    for (const address of ['192.0.2.10', '192.0.2.11']) {
      const sighting = { key: keyOf('Line_Moved'), address, unit: '', mac: '' }
      await store.db.insertInto('enrollment_sightings').values(sighting).execute()
    }
    expect(await document(['clear', `${id}`, '--reason', 'moved'])).toMatchObject({ cleared: ['192.0.2.11'] })
    expect((await run(['clear', `${id}`, '--reason', 'moved'])).status).toBe(2)
  })
})

describe('rules', () => {
  beforeAll(async () => {
    await file('enrollment.yaml', rules)
    await mkdir(join(work, 'lists'))
    await mkdir(join(work, 'anchors'))
    await file('lists/spares.csv', 'vendor,serial,note\n1,0x00E17388,shelf 4\n')
    const { stdout } = await run(['provisioning', 'anchor', '--authority', 'cards'])
    await file('anchors/cards.pem', stdout)
  })

  it('are checked with all that they name', async () => {
    expect(await document(['policy', 'check', 'enrollment.yaml'])).toMatchObject({
      verdict: 'accepted',
      lists: { spares: 1 },
      anchors: 1,
    })
    await file('wrong.yaml', rules.replace('cards], use: once', 'card], use: twice'))
    const wrong = await run(['policy', 'check', 'wrong.yaml'])
    expect(wrong.status).toBe(2)
    expect(wrong.stderr).toMatch(/wrong\.yaml:3:\d+: /)
    expect((await document(['inventory', 'check', 'lists/spares.csv']))['entries']).toBe(1)
    await file('wrong.csv', 'vendor,serial\n1,xyz\n')
    expect((await run(['inventory', 'check', 'wrong.csv'])).stderr).toMatch(/wrong\.csv:2:3: found "xyz"/)
  })

  it('are explained and tried', async () => {
    const { stdout } = await run(['policy', 'explain', 'enrollment.yaml', '--label', 'default'])
    expect(stdout).toMatch(/administrator approval\n {2}proves .+\n {2}fits .+\n {2}risks .+\n {2}advice /)
    const said = async (...flags: string[]) => (await run(['policy', 'try', 'enrollment.yaml', ...flags])).stdout
    expect(await said('--unit', '1:0x00E17388', '--assurance', 'proven')).toMatch(/^grant: /)
    expect(await said('--unit', '1:0x00E17388')).toMatch(/^pend: [\s\S]*only claimed/)
    expect(await said('--approved-by', 'anna', '--approved-by', 'bert')).toMatch(/^grant: approved by anna and bert/)
    await file('facts.json', '{ "administrators": [{ "by": "anna", "verdict": "deny", "reason": "no" }] }')
    expect(await document(['policy', 'try', 'enrollment.yaml', '--facts', 'facts.json'], 4)).toMatchObject({
      evaluation: { verdict: 'deny' },
    })
    const [{ id } = { id: 0 }] = (await document(['list', '--text', 'Line_Mixer']))['enrollments'] as { id: number }[]
    const { ifApproved } = await document(['show', `${id}`, '--policy', 'enrollment.yaml'])
    expect(ifApproved).toMatchObject({ verdict: 'grant' })
  })
})

describe('credentials', () => {
  it('of accounts come from a file or are made, and are never listed', async () => {
    await file('short', 'short\n')
    expect((await run(['account', 'set', 'line3', '--new-password-file', 'short'])).stderr).toMatch(/at least 12/)
    const { password } = await document(['account', 'set', 'line3', '--generate'])
    expect(password).toMatch(/^[a-z2-9-]{27}$/)
    const { stdout } = await run(['account', 'list'])
    expect(stdout).toMatch(/line3 +✔ in force/)
    expect(stdout).not.toContain(password)
    expect(await document(['issued', 'line3'])).toMatchObject({ kind: 'account', revoked: false, certificates: [] })
    expect((await run(['account', 'revoke', 'line3', '--reason', 'done'])).stderr).toMatch(/say --yes/)
    await document(['account', 'revoke', 'line3', '--reason', 'done', '--yes'])
    expect(await document(['issued', 'line3'])).toMatchObject({ revoked: true })
  })

  it('are provisioning certificates with keys of their own, which are revoked', async () => {
    await document(['provisioning', 'issue', 'card1', 'card2', '--directory', 'cards', '--authority', 'cards'])
    const certificate = new X509Certificate(await readFile(join(work, 'cards/card1.cert.pem')))
    expect(certificate.verify(new X509Certificate(await readFile(join(work, 'anchors/cards.pem'))).publicKey)).toBe(
      true,
    )
    expect((await stat(join(work, 'cards/card1.key.pem'))).mode & 0o777).toBe(0o600)
    expect((await run(['provisioning', 'issue', 'card1', '--directory', 'cards'])).stderr).toMatch(/exists/)
    expect((await document(['provisioning', 'revoke', 'card1', '--reason', 'lost', '--yes']))['revoked']).toHaveLength(
      1,
    )
    expect((await document(['provisioning', 'list']))['certificates']).toMatchObject([
      { name: 'card1', state: 'revoked', revoked: { reason: 'lost' } },
      { name: 'card2', state: 'unused' },
    ])
  })
})

describe('administrators', () => {
  it('decide by name and password once there is one', async () => {
    await file('anna', 'the password of anna\n')
    await file('bert', 'the password of bert\n')
    const as = (name: string) => ['--as', name, '--password-file', name]
    await document(['administrator', 'set', 'anna', '--new-password-file', 'anna'])
    const nobody = await run(['administrator', 'set', 'bert', '--new-password-file', 'bert'])
    expect([nobody.status, nobody.stderr]).toEqual([4, expect.stringMatching(/say who you are with --as/)])
    await document(['administrator', 'set', 'bert', '--new-password-file', 'bert', ...as('anna')])
    const id = `${await ask(store, 'Line_Guarded')}`
    expect((await run(['approve', id])).status).toBe(4)
    expect((await run(['approve', id, '--as', 'anna', '--password-file', 'bert'])).stderr).toMatch(
      /not an administrator/,
    )
    await document(['approve', id, ...as('anna')])
    await document(['approve', id, ...as('bert')])
    const { enrollments } = await document(['list', '--device', 'Line_Guarded'])
    expect(enrollments).toMatchObject([{ approvedBy: ['anna', 'bert'] }])
    await document(['administrator', 'revoke', 'bert', '--reason', 'left', '--yes', ...as('anna')])
    const last = await run(['administrator', 'revoke', 'anna', '--reason', 'left', '--yes', ...as('anna')])
    expect([last.status, last.stderr]).toEqual([4, expect.stringMatching(/last administrator/)])
  })
})
