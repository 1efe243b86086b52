import type { PrivateKey } from '@cordon/core/crypto'
import { parseEnrollmentPolicy, type SerialEntry, serialList } from '@cordon/core/enrollment'
import { parsePlant, type Plant } from '@cordon/core/policy'
import {
  buildRequest,
  type Certificate,
  decodeCertificate,
  decodeRequest,
  type Extension,
  type Name,
  parseName,
} from '@cordon/core/x509'
import { vendorSubject } from '@cordon/core/authority'
import { nodeCrypto } from '@cordon/node/crypto'
import { openAuthority, type StoreAuthority } from '@cordon/server/authority'
import {
  type EnrollmentAnswer,
  type EnrollmentFiles,
  type EnrollmentOptions,
  type EnrollmentRequest,
  openEnrollment,
  type StoreEnrollment,
} from '@cordon/server/enrollment'
import type { Store } from '@cordon/server/store'
import { type Authority, authority as vendorAuthority, issue } from '../../../core/test/enrollment/world.ts'

/** The time at which all of it happens, until a test turns the clock. */
export const start = Date.UTC(2026, 5, 1, 12)

/** A plant with devices of every kind that a requester can be. */
export const plantText = `version: 1
plant: pull
authority:
  key: ecdsa-p256
  subject: { organization: Example Works, country: US }
  device: { validity: 1y, renewAt: 0.66 }
nonSecure: allow
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity }
  blue: { authentication: certificate, messaging: integrity, io: integrity }
  plain: { authentication: none, messaging: none, io: none, nonSecure: allow }
devices:
  Expected: { address: 127.70.1.1, zone: green, expect: { vendor: 1, serial: 0x101 } }
  Moved: { address: 127.70.1.2, zone: green, expect: { vendor: 1, serial: 0x102 } }
  Plain: { address: 127.70.1.3, zone: plain, capability: none }
  Open: { address: 127.70.1.4, zone: blue }
  Spare_1: { address: 127.70.1.11, zone: green }
  Spare_2: { address: 127.70.1.12, zone: green }
  Spare_3: { address: 127.70.1.13, zone: green }
  Spare_4: { address: 127.70.1.14, zone: green }
  Spare_5: { address: 127.70.1.15, zone: green }
  Spare_6: { address: 127.70.1.16, zone: green }
  Spare_7: { address: 127.70.1.17, zone: green }
  Spare_8: { address: 127.70.1.18, zone: green }
  Spare_9: { address: 127.70.1.19, zone: green }
  Spare_10: { address: 127.70.1.20, zone: green }
  Spare_11: { address: 127.70.1.21, zone: green }
  Spare_12: { address: 127.70.1.22, zone: green }
`

/** Rules with a label for each policy. */
export const rulesText = `version: 1
vendors:
  example: { anchors: [example] }
accounts:
  crew: { most: 2 }
  once: { most: 1 }
provisioning:
  cards: { anchors: [cards], use: once }
labels:
  default: { vendorCertificate: {} }
  admin: { administrator: {} }
  two: { administrator: { approvals: 2 } }
  list: { serialList: { list: units } }
  claimed: { serialList: { list: units, needs: claimed } }
  seen: { serialList: { list: units, needs: observed } }
  crew: { password: { accounts: [crew] } }
  once: { password: { accounts: [once] } }
  cards: { provisioningCertificate: {} }
  lab: { globalGrant: { from: 2026-06-01T00:00:00Z, until: 2026-06-02T00:00:00Z } }
  mixed: { anyOf: [{ vendorCertificate: {} }, { administrator: {} }] }
unlisted: { lab: operations, crew: green, mixed: green, default: green }
`

/** The vendor whose certificates count, a stranger, and an authority of provisioning certificates. */
export interface World {
  readonly vendor: Authority
  readonly stranger: Authority
  readonly cards: Authority
}

export async function makeWorld(): Promise<World> {
  const [vendor, stranger, cards] = await Promise.all(
    ['vendor', 'stranger', 'cards'].map((name) => vendorAuthority(name)),
  )
  if (vendor === undefined || stranger === undefined || cards === undefined) throw new Error('no authorities')
  return { vendor, stranger, cards }
}

export function plant(text = plantText): Plant {
  const { plant: read, problems } = parsePlant(text, 'plant.yaml')
  if (read === undefined) throw new Error(JSON.stringify(problems, undefined, 1))
  return read
}

/** The files that a person would have written. */
export function files(world: World, text = rulesText, units: readonly SerialEntry[] = []): EnrollmentFiles {
  const { policy, problems } = parseEnrollmentPolicy(text, 'enrollment.yaml')
  if (policy === undefined) throw new Error(JSON.stringify(problems, undefined, 1))
  return {
    policy,
    vendors: [...policy.vendors.values()].map((vendor) => ({
      ...vendor,
      anchors: [world.vendor.certificate.der],
      revocationLists: [],
    })),
    provisioning: [...policy.provisioning.values()].map(({ name, use }) => ({
      name,
      use,
      anchors: [world.cards.certificate.der],
      revocationLists: [],
    })),
    lists: new Map([['units', serialList(units)]]),
  }
}

/** A unit that asks: a key, and what it shows. */
export class Unit {
  readonly key: PrivateKey
  readonly address: string
  readonly shown: EnrollmentRequest['shown']

  private constructor(key: PrivateKey, address: string, shown: EnrollmentRequest['shown']) {
    this.key = key
    this.address = address
    this.shown = shown
  }

  static async make(address: string, shown?: Certificate): Promise<Unit> {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    return new Unit(key, address, shown && { leaf: shown, intermediates: [] })
  }

  /** With a certificate of its maker. */
  static async of(maker: Authority, serialNumber: number, address: string, vendorId = 1): Promise<Unit> {
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    const subject = vendorSubject({ vendorId, serialNumber, vendorName: 'Example' })
    return await Unit.make(address, await issue(maker, publicKey, { subject }))
  }

  /** The same key elsewhere, or showing something else. */
  with(change: { readonly address?: string; readonly shown?: Certificate }): Unit {
    const shown = change.shown === undefined ? this.shown : { leaf: change.shown, intermediates: [] }
    return new Unit(this.key, change.address ?? this.address, shown)
  }

  async request(
    label: string | undefined,
    more: Partial<EnrollmentRequest> & {
      readonly subject?: string | Name
      readonly extensions?: readonly Extension[]
    } = {},
  ): Promise<EnrollmentRequest> {
    const { subject = 'CN=somebody', extensions = [], ...rest } = more
    const name = typeof subject === 'string' ? parseName(subject) : subject
    return {
      operation: 'simpleenroll',
      label,
      request: decodeRequest(await buildRequest(this.key, { subject: name, extensions })),
      address: this.address,
      shown: this.shown,
      basic: undefined,
      linking: { state: 'absent', reason: 'no attribute' },
      ...rest,
    }
  }
}

/** A service over a store, and what it stands on. */
export interface Bench extends AsyncDisposable {
  readonly store: Store
  readonly authority: StoreAuthority
  readonly service: StoreEnrollment
}

/** Opens a service with a clock of the test's own. */
export async function openBench(
  store: Store,
  world: World,
  now: () => number,
  change: Partial<EnrollmentOptions> = {},
): Promise<Bench> {
  const authority = change.authority ?? openAuthority(store, { now })
  const service = await openEnrollment({
    store,
    authority,
    plant: plant(),
    files: files(world),
    verifyAccount: async ({ password }) => (password === 'right' ? 'accepted' : 'refused'),
    observe: async () => undefined,
    now,
    perMinute: 10_000,
    ...change,
  })
  return { store, authority, service, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() }
}

export async function initialize(store: Store, now: () => number): Promise<void> {
  await openAuthority(store, { now }).initialize({
    name: 'pull',
    key: 'ecdsa-p256',
    subject: { organization: 'Example Works', country: 'US' },
    zones: ['green', 'blue'],
  })
}

/** The certificate of an answer that grants. */
export function granted(answer: EnrollmentAnswer): Certificate {
  if (answer.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(answer)}`)
  return decodeCertificate(answer.certificate)
}
