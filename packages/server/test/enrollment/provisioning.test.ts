import { createHash } from 'node:crypto'
import { buildRequest, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { openAuthority, type StoreAuthority } from '@cordon/server/authority'
import { issuedThrough, listProvisioning, revokeProvisioning, setPerson } from '@cordon/server/enrollment'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { ask } from './queue-rows.ts'

let place: TemporaryState
let store: Store
let authority: StoreAuthority
const because = { by: 'anna', reason: 'lost' }

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  authority = openAuthority(store)
  await authority.initialize({ name: 'line', key: 'ecdsa-p256', subject: {}, zones: ['green'] })
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex')

async function provisioningCertificate(name: string): Promise<string> {
  return fingerprintOf((await authority.issueProvisioning({ name })).certificate)
}

/** A device that came in through a credential: its request, its certificate, and the use that was counted. */
async function granted(
  kind: 'account' | 'provisioning',
  credential: string,
  name: string,
  operation: 'simpleenroll' | 'simplereenroll' = 'simpleenroll',
): Promise<string> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const csr = await buildRequest(key, { subject: parseName(`CN=${name}`) })
  const { serial } = await authority.issueDevice({ zone: 'green', device: name, csr, addresses: ['192.0.2.10'] })
  const hash = fingerprintOf(key.publicKey)
  const { issuer_id: issuer } = await store.db
    .selectFrom('certificates')
    .select('issuer_id')
    .where('serial', '=', serial)
    .executeTakeFirstOrThrow()
  const enrollment = await ask(store, name, { key: hash, operation, state: 'granted', issuer_id: issuer, serial })
  if (operation === 'simpleenroll')
    await store.db.insertInto('credential_uses').values({ kind, credential, key: hash, enrollment }).execute()
  return serial
}

describe('provisioning certificates', () => {
  it('come from an authority that no device of the plant trusts', async () => {
    const { certificate, chain } = await authority.issueProvisioning({ name: 'apart' })
    const verdict = nodeCrypto.verifyChain({
      leaf: certificate,
      intermediates: chain,
      anchors: [await authority.root(), ...(await authority.anchors('green'))],
    })
    expect(verdict).toMatchObject({ ok: false })
    const anchor = await authority.provisioningAnchor()
    expect(nodeCrypto.verifyChain({ leaf: certificate, anchors: [anchor] })).toMatchObject({ ok: true })
  })

  it('are listed as unused, used, expired or revoked', async () => {
    for (const name of ['fresh', 'taken', 'lost']) await provisioningCertificate(name)
    const found = async (name: string, now?: number) =>
      (await listProvisioning(store, now)).find((each) => each.name === name)
    const taken = (await found('taken'))?.fingerprint ?? ''
    await granted('provisioning', taken, 'Taken_Device')
    await revokeProvisioning(store, 'lost', because)
    expect(await found('fresh')).toMatchObject({ state: 'unused', uses: [], revoked: null })
    expect(await found('fresh', Date.now() + 91 * 86_400_000)).toMatchObject({ state: 'expired' })
    expect(await found('taken')).toMatchObject({ state: 'used', uses: [{ device: 'Taken_Device' }] })
    expect(await found('lost')).toMatchObject({ state: 'revoked', revoked: because })
  })

  it('are revoked by name or by the beginning of the fingerprint, once', async () => {
    const fingerprint = await provisioningCertificate('card')
    expect(await revokeProvisioning(store, fingerprint.slice(0, 12).toUpperCase(), because)).toEqual([fingerprint])
    expect(await revokeProvisioning(store, 'card', because)).toEqual([])
    await expect(revokeProvisioning(store, 'nothing', because)).rejects.toThrow(/no provisioning certificate has/)
    await expect(revokeProvisioning(store, fingerprint.slice(0, 4), because)).rejects.toThrow(/no provisioning/)
    await expect(revokeProvisioning(store, 'card', { by: 'anna', reason: '' })).rejects.toThrow(/a reason/)
  })
})

describe('what was issued through a credential', () => {
  it('is every certificate of the keys it was used for, and what they were renewed into', async () => {
    await setPerson(store, 'account', 'line3', 'correct horse battery', 'anna')
    const first = await granted('account', 'line3', 'Pump')
    const renewed = await granted('account', 'line3', 'Pump', 'simplereenroll')
    const second = await granted('account', 'line3', 'Valve')
    await granted('account', 'other', 'Robot')
    const report = await issuedThrough(store, 'line3')
    expect(report).toMatchObject({ kind: 'account', credential: 'line3', revoked: false })
    expect(report.certificates.map(({ serial, through }) => [serial, through])).toEqual([
      [first, 'grant'],
      [renewed, 'renewal'],
      [second, 'grant'],
    ])
    for (const { serial } of report.certificates) await authority.revoke(serial, 'privilegeWithdrawn')
    const after = await issuedThrough(store, 'line3')
    expect(new Set(after.certificates.map(({ status }) => status))).toEqual(new Set(['revoked']))
  })

  it('is asked of a provisioning certificate by fingerprint or by a name that is its own', async () => {
    const fingerprint = await provisioningCertificate('usb')
    const serial = await granted('provisioning', fingerprint, 'Drive')
    expect(await issuedThrough(store, fingerprint)).toMatchObject({ certificates: [{ serial, device: 'Drive' }] })
    expect(await issuedThrough(store, 'usb')).toMatchObject({ credential: fingerprint })
    await provisioningCertificate('usb')
    await expect(issuedThrough(store, 'usb')).rejects.toThrow(/2 provisioning certificates "usb"/)
    await expect(issuedThrough(store, 'nobody')).rejects.toThrow(/neither an account nor/)
  })
})
