import { decide, listEnrollments } from '@cordon/server/enrollment'
import { type EstServer, serveEst } from '@cordon/server/est'
import type { Store } from '@cordon/server/store'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, files, initialize, makeWorld, openBench } from '../../server/test/enrollment/support.ts'
import { TemporaryState } from '../../server/test/store/support.ts'
import { run as enroll } from '../src/commands/est-enroll.ts'
import { exitCodes } from '../src/exit-codes.ts'
import { testOutput } from './test-output.ts'
import { testProgram } from './tree.ts'

const host = '127.72.0.2'
const rules = `version: 1
accounts:
  crew: { most: 2 }
labels:
  default: { administrator: {} }
  crew: { password: { accounts: [crew] } }
unlisted: { default: operations, crew: operations }
`

let place: TemporaryState
let store: Store
let bench: Bench
let server: EstServer

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  const now = () => Date.now()
  await initialize(store, now)
  bench = await openBench(store, await makeWorld(), now, { files: files(await makeWorld(), rules) })
  const issued = await bench.authority.issueServer({
    name: 'est',
    addresses: [host],
    dnsNames: [],
    validityMs: 30 * 86_400_000,
  })
  const key = issued.key?.export() ?? new Uint8Array()
  const credential = { chain: [issued.certificate, ...issued.chain], key }
  server = await serveEst({ service: bench.service, credential, listen: [{ address: host, port: 0 }] })
})

afterAll(async () => {
  await server.close()
  await bench[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function enrolling(name: string, more: Partial<Parameters<typeof enroll>[1]> = {}) {
  const { output, stdout, stderr } = testOutput({ format: 'json' })
  const { signal } = new AbortController()
  const context = { output, settings: {}, state: place.path('client'), program: testProgram(), signal }
  const port = server.status().addresses[0]?.port ?? 0
  const flags = { name, directory: place.path('files'), wait: '0', ...more }
  const code = await enroll(context, flags, `${host}:${port}`)
  return { code, stderr: stderr(), result: JSON.parse(stdout()) }
}

async function refusal(name: string): Promise<string> {
  try {
    await enrolling(name)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return ''
}

describe('cordon est enroll at the real authority', () => {
  test('is shown the root, waits for an administrator, gets its certificate, and renews it', async () => {
    const refused = await refusal('historian')
    const [, fingerprint = ''] = /SHA-256 ([0-9a-f]{64})/.exec(refused) ?? []
    const flags = { fingerprint }
    const pending = await enrolling('historian', flags)
    expect(pending).toMatchObject({ code: exitCodes.partly, result: { outcome: 'pending' } })
    const { entries } = await listEnrollments(store)
    expect(entries).toHaveLength(1)
    const ids = entries.map(({ id }) => id)
    await decide(store, { ids, verdict: 'approve', by: 'anna', reason: 'the new historian' })
    const enrolled = await enrolling('historian', flags)
    expect(enrolled).toMatchObject({ code: exitCodes.ok, result: { outcome: 'enrolled' } })
    const { files: written, serial } = enrolled.result
    const verified = spawnSync('openssl', [
      'verify',
      '-CAfile',
      written.authorities,
      '-untrusted',
      written.chain,
      written.certificate,
    ])
    // Without OpenSSL (Debian package openssl) the library's own judgement has to do.
    if (verified.error === undefined) expect(verified.stdout.toString()).toContain(': OK')
    const renewed = await enrolling('historian', { renew: true })
    expect(renewed).toMatchObject({ code: exitCodes.ok })
    expect(renewed.result.serial).not.toBe(serial)
  })
  test('is asked for a password under a label whose rule wants one', async () => {
    const passwordFile = place.path('password')
    await writeFile(passwordFile, 'right\n', { mode: 0o600 })
    const [, fingerprint = ''] = /SHA-256 ([0-9a-f]{64})/.exec(await refusal('panel')) ?? []
    const panel = await enrolling('panel', { label: 'crew', user: 'crew', passwordFile, fingerprint })
    expect(panel).toMatchObject({ code: exitCodes.ok, result: { server: { label: 'crew' } } })
  })
})
