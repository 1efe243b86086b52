import { ObjectClient } from '@cordon/core/client'
import {
  type Allegiance,
  type AllegianceJudgement,
  eachOf,
  judgeAllegiance,
  type Materials,
  readUnit,
  type ShownCertificate,
  type UnitIdentity,
} from '@cordon/core/deployment'
import { MalformedMessage, NotTrusted, PeerError, TransportError } from '@cordon/core/errors'
import { cipSecurity, ethernetIpSecurity } from '@cordon/core/objects'
import { nodeCrypto } from '@cordon/node/crypto'
import { connect, discover, type DiscoveryReply } from '@cordon/node/originator'
import type { StoreAuthority } from '../authority/authority.ts'
import { type DeviceRecord, readDeviceRecords } from './device-records.ts'
import { type DeployOptions, type DeployRequest, ownAddress } from './prepare.ts'
import { givenKeys, openingMeans } from './release.ts'
import type { SessionPorts } from './session-port.ts'

/** To whom a device answers; `not-secured`: it answers, but not on its secure port. */
export type Standing = Allegiance | 'unreachable' | 'not-secured'

/** Where a device of the plant stands, as it is seen from outside. */
export interface DeviceStanding {
  readonly device: string
  readonly address: string
  readonly standing: Standing
  /** By what that is judged. */
  readonly reason: string
  readonly certificate: ShownCertificate | undefined
  /** CIP Vendor ID that a default certificate names. */
  readonly vendorId: number | undefined
  /** Name for which this plant issued the certificate. */
  readonly holder: string | undefined
  /** Zone and generation of our CA that signed it. */
  readonly zone: string | undefined
  readonly generation: number | undefined
  /** Who the device says it is. */
  readonly unit: Pick<UnitIdentity, 'vendorId' | 'serialNumber' | 'productName'> | undefined
}

/** What devices are judged by. */
export interface StandingRequest extends Omit<DeployRequest, 'authority' | 'options'> {
  readonly authority: StoreAuthority
  readonly options?: DeployOptions
}

/** How long an answer to ListIdentity is waited for, milliseconds. */
const identityMs = 1_000
const connectMs = 5_000
const defaultConcurrency = 32

/** Looks at devices of a plant from outside. One for each command: what the authority has issued is read once. */
export class Lookout {
  readonly #request: StandingRequest
  readonly #materials: Materials
  readonly #ports: SessionPorts
  readonly #records: ReadonlyMap<string, DeviceRecord>
  readonly #generations: ReadonlyMap<string, { readonly zone: string | undefined; readonly generation: number }>
  readonly #localAddress: string | undefined

  private constructor(
    request: StandingRequest,
    known: {
      readonly materials: Materials
      readonly ports: SessionPorts
      readonly records: ReadonlyMap<string, DeviceRecord>
      readonly generations: Awaited<ReturnType<StoreAuthority['generations']>>
    },
  ) {
    this.#request = request
    this.#materials = known.materials
    this.#ports = known.ports
    this.#records = known.records
    const manager = request.plant.devices.find(({ name }) => name === request.plant.manager)
    this.#localAddress = request.options?.localAddress ?? ownAddress(manager?.address)
    this.#generations = new Map(
      known.generations.map(({ fingerprint, zone, generation }) => [fingerprint, { zone, generation }]),
    )
  }

  /** @throws UsageError `missing` for a state without the authority of this plant */
  static async open(request: StandingRequest): Promise<Lookout> {
    const { materials, ports } = await openingMeans(request)
    const [known, records, generations] = await Promise.all([
      materials(),
      readDeviceRecords(request.store, request.plant.name),
      request.authority.generations(),
    ])
    return new Lookout(request, { materials: known, ports, records, generations })
  }

  /** The record of a device that this plant commissioned. */
  record(device: string): DeviceRecord | undefined {
    return this.#records.get(device)
  }

  /** From where this machine reaches devices. */
  get reach(): { readonly localAddress?: string } {
    return this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }
  }

  /** Looks at every device that can CIP Security, the manager left out, in the order of the plant file. */
  async all(): Promise<readonly DeviceStanding[]> {
    const { plant, options = {} } = this.#request
    const devices = plant.devices.flatMap(({ name, address, capability }) =>
      address === undefined || capability === 'none' || name === plant.manager ? [] : [{ device: name, address }],
    )
    const said = await this.#ask(devices.map(({ address }) => address))
    const found = new Map<string, DeviceStanding>()
    await eachOf(devices, options.concurrency ?? defaultConcurrency, async (each) => {
      found.set(each.device, await this.#look(each, said.get(each.address)))
    })
    return devices.flatMap(({ device }) => found.get(device) ?? [])
  }

  /** Looks at one device. */
  async one(device: string, address: string): Promise<DeviceStanding> {
    const said = await this.#ask([address])
    return await this.#look({ device, address }, said.get(address))
  }

  async #ask(targets: readonly string[]): Promise<ReadonlyMap<string, DiscoveryReply>> {
    if (targets.length === 0) return new Map()
    const { signal } = this.#request.options ?? {}
    const replies = await discover({ ...this.reach, targets, waitMs: identityMs, ...(signal && { signal }) })
    return new Map(replies.map((reply) => [reply.address, reply]))
  }

  async #look(
    { device, address }: { readonly device: string; readonly address: string },
    said: DiscoveryReply | undefined,
  ): Promise<DeviceStanding> {
    const seen = await this.#outside(address)
    const about = { device, address, ...unknown, unit: seen.unit ?? said?.identity }
    if (seen.failure !== undefined) return { ...about, ...silent(seen.failure, said) }
    const judged = judgeAllegiance(
      { crypto: nodeCrypto, materials: this.#materials, vendorAnchors: this.#request.options?.vendorAnchors ?? [] },
      {
        presented: seen.presented,
        isOpen: seen.isOpen,
        cipSecurityState: seen.cipSecurityState ?? said?.security?.cipSecurityState,
        ethernetIpSecurityState: seen.ethernetIpSecurityState ?? said?.security?.ethernetIpSecurityState,
      },
    )
    if (judged.allegiance === 'foreign' && (await this.#opensByKey(device, address))) {
      return { ...about, certificate: judged.certificate, standing: 'ours', reason: 'it opens by a key of this plant' }
    }
    return { ...about, ...this.#named(judged) }
  }

  #named({ allegiance, reason, certificate, vendorId, holder, signedBy }: AllegianceJudgement) {
    const signer = signedBy === undefined ? undefined : this.#generations.get(signedBy)
    const { zone, generation } = signer ?? unknown
    return { standing: allegiance, reason, certificate, vendorId, holder, zone, generation }
  }

  /** TLS without credentials, and what the device says of itself where it lets everybody in. */
  async #outside(address: string): Promise<Outside> {
    let presented: readonly Uint8Array[] = []
    const shown = (chain: readonly Uint8Array[]) => {
      presented = chain
    }
    try {
      const { signal } = this.#request.options ?? {}
      await using session = await connect({
        ...this.reach,
        address,
        transport: 'tls',
        connectTimeoutMs: connectMs,
        commissioning: { inspect: () => {}, shown },
        ...(signal && { signal }),
      })
      const client = new ObjectClient(session)
      const [unit, cip, eip] = await Promise.all([
        answered(readUnit(session)),
        answered(client.get(cipSecurity, 1, 'state')),
        answered(client.get(ethernetIpSecurity, 1, 'state')),
      ])
      return { presented, isOpen: true, unit, cipSecurityState: cip, ethernetIpSecurityState: eip }
    } catch (error) {
      if (error instanceof TransportError && error.code === 'aborted') throw error
      if (error instanceof TransportError && error.code !== 'closed') return { ...closed, failure: error }
      if (error instanceof TransportError || error instanceof PeerError || error instanceof NotTrusted)
        return { ...closed, presented }
      throw error
    }
  }

  async #opensByKey(device: string, address: string): Promise<boolean> {
    const keys = await givenKeys(this.#request.store, this.#records.get(device))
    for (const psk of keys) {
      const session = await answered(this.#ports.port(address).open({ kind: 'psk', psk }))
      if (session === undefined) continue
      await session.close()
      return true
    }
    return false
  }
}

interface Outside extends Pick<Parameters<typeof judgeAllegiance>[1], 'cipSecurityState' | 'ethernetIpSecurityState'> {
  readonly presented: readonly Uint8Array[]
  readonly isOpen: boolean
  readonly unit?: UnitIdentity | undefined
  /** It could not be asked at all. */
  readonly failure?: TransportError
}

const closed = { presented: [], isOpen: false } as const

const unknown = {
  certificate: undefined,
  vendorId: undefined,
  holder: undefined,
  zone: undefined,
  generation: undefined,
} as const

function silent(
  { message }: TransportError,
  said: DiscoveryReply | undefined,
): Pick<DeviceStanding, 'standing' | 'reason'> {
  if (said === undefined) return { standing: 'unreachable', reason: message }
  const words = said.security === undefined ? 'it says nothing of CIP Security' : 'its secure port does not answer'
  return { standing: 'not-secured', reason: `it answers in plain; ${words}` }
}

/** What a device does not tell, or refuses, is undefined. */
async function answered<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    const isItsFault =
      error instanceof PeerError ||
      error instanceof NotTrusted ||
      error instanceof MalformedMessage ||
      error instanceof TransportError
    if (isItsFault) return undefined
    throw error
  }
}
