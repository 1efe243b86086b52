import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { listAudit } from '@cordon/server/audit'
import {
  addVendorAnchors,
  changeSettings,
  defaultSettings,
  listVendorAnchors,
  readSettings,
  removeVendorAnchor,
  vendorAnchorCertificates,
} from '@cordon/server/settings'
import type { Store } from '@cordon/server/store'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'

const place = new TemporaryState()
let store: Store
const by = { actor: { kind: 'user', name: 'anna' }, address: '127.0.0.1', request: 'r1' } as const

beforeAll(async () => {
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

/** A self-signed certificate by the openssl command. */
function selfSigned(isCa: boolean): string {
  const certificate = place.path(`${isCa}.pem`)
  const extension = `basicConstraints=critical,CA:${isCa ? 'TRUE' : 'FALSE'}`
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', place.path('key.pem')]
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-subj', '/CN=Vendor root', '-addext', extension, '-out', certificate],
    {
      stdio: 'ignore',
    },
  )
  return readFileSync(certificate, 'utf8')
}

describe('settings', () => {
  test('are the defaults until somebody changes one, and the audit tells from what to what', async () => {
    expect(await readSettings(store.db)).toEqual(defaultSettings)
    const after = await changeSettings(store, { notice: 'Authorised use only', driftMinutes: 60 }, by)
    expect(after).toEqual({ ...defaultSettings, notice: 'Authorised use only' })
    expect(await readSettings(store.db)).toEqual(after)
    const [entry] = await listAudit(store, { action: 'settings.change' }, { limit: 1 })
    expect(entry).toMatchObject({
      actor: 'anna',
      subject: 'notice',
      detail: { notice: { from: '', to: 'Authorised use only' } },
    })
  })

  test('of two persons at once are both kept', async () => {
    await Promise.all([
      changeSettings(store, { driftMinutes: 5 }, by),
      changeSettings(store, { renewDays: 9 }, { ...by, actor: { kind: 'user', name: 'bert' } }),
    ])
    expect(await readSettings(store.db)).toMatchObject({ driftMinutes: 5, renewDays: 9 })
  })
})

describe('vendors', () => {
  test('are believed and believed no more, once each however often they are given', async () => {
    const pem = selfSigned(true)
    await addVendorAnchors(store, pem + pem, by)
    await addVendorAnchors(store, pem, by)
    const [anchor, ...others] = await listVendorAnchors(store)
    expect(others).toEqual([])
    expect(anchor).toMatchObject({ subject: 'CN=Vendor root', addedBy: 'anna' })
    expect(await vendorAnchorCertificates(store)).toHaveLength(1)
    expect(await removeVendorAnchor(store, anchor?.fingerprint ?? '', by)).toBe(true)
    expect(await removeVendorAnchor(store, anchor?.fingerprint ?? '', by)).toBe(false)
    expect(await listVendorAnchors(store)).toEqual([])
  })

  test('are refused where the text holds no CA certificate', async () => {
    await expect(addVendorAnchors(store, 'nothing', by)).rejects.toThrow(UsageError)
    await expect(addVendorAnchors(store, selfSigned(false), by)).rejects.toThrow(/no CA certificate/)
    const broken = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'
    await expect(addVendorAnchors(store, broken, by)).rejects.toThrow(MalformedMessage)
  })
})
