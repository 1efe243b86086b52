import { formatAddress } from '../policy/address.ts'
import { decideConnection } from '../policy/connection.ts'
import { type Decision, decide } from '../policy/decide.ts'
import type { Device } from '../policy/model.ts'
import type { Endpoint, PlantIndex } from '../policy/plant-index.ts'
import { spellUnenforceable } from '../policy/promises.ts'
import { type DeviceSettings, everyoneElse } from '../policy/settings.ts'
import { runTests } from '../policy/tests.ts'
import { cipherSuites, findSuite, suiteHex } from '../security/cipher-suites.ts'
import type { Attempt, CredentialChoice, OtherVersion, SecureTransport, Source } from './attempt.ts'
import type { Check, ConnectCheck, RefusalCheck, Risk, RuleFallback } from './check.ts'
import { type CheckId, checkTable } from './check-table.ts'

/** What a verification has at hand, as far as it decides which checks can be made. */
export interface Means {
  /** A credential of the maker of devices. */
  readonly vendor: boolean
  /** Zones of which there is a credential that their revocation list names. */
  readonly revoked: ReadonlySet<string>
  /** Zones of which there is a credential whose time is over. */
  readonly expired: ReadonlySet<string>
  /** Zones that have a revocation list. */
  readonly lists: ReadonlySet<string>
  /** A table of live connections. */
  readonly live: boolean
  /** Class revision of 0x5E by device, where it was read. */
  readonly revisions: ReadonlyMap<string, number>
}

/** What the checks are derived from. */
export interface DeriveRequest {
  readonly index: PlantIndex
  /** By device: what the device shall hold, the manager's own way in included. */
  readonly settings: ReadonlyMap<string, DeviceSettings>
  readonly means: Means
  /** From where the verifier works; default the manager's address. */
  readonly verifierAddress?: string | undefined
  /** Only these devices and what is about them; default all. */
  readonly only?: ReadonlySet<string> | undefined
  /**
   * How many peers of one group of like devices are tried at each device. Default: all of them in a plant of up to 100
   * addresses, else 1, because pairs grow with the square of the plant.
   */
  readonly peersPerGroup?: number | undefined
}

/** Everything that is to be verified, and what cannot be. */
export interface Derivation {
  readonly checks: readonly Check[]
  readonly risks: readonly Risk[]
}

/** Plants up to this many addresses have each pair tried. */
const smallPlant = 100

/** Suites by IANA number that CIP Security names. */
const allSuites = cipherSuites.map(({ id }) => id)

const transports = ['tls', 'dtls'] as const
const policyTransport = { tls: 'tcp', dtls: 'udp' } as const
const spelled = { tls: 'TLS', dtls: 'DTLS' } as const
const otherVersions: Readonly<Record<SecureTransport, readonly OtherVersion[]>> = {
  tls: ['TLSv1', 'TLSv1.1', 'TLSv1.3'],
  dtls: ['DTLSv1'],
}

/** The port of EtherNet/IP over TLS and DTLS. */
const securePort = 2221
const plainPort = 44_818
const plainIoPort = 2222

/** Derives what must be verified from a plant and its compiled settings. The same input gives the same list. */
export function deriveChecks(request: DeriveRequest): Derivation {
  const { index, settings, only } = request
  const checks: Check[] = []
  const risks: Risk[] = []
  for (const [name, own] of settings) {
    if (only?.has(name) === false) continue
    risks.push(...risksOf(own))
    const device = index.devices.get(name)
    const endpoint = index.endpoints.get(name)
    if (device === undefined || endpoint === undefined || own.enforcement === 'none') continue
    checks.push(...new DeviceChecks(request, device, endpoint, own).all())
  }
  checks.push(...connectionChecks(request), ...(only === undefined ? policyChecks(index) : []))
  checks.push(...repeats(checks))
  return { checks, risks }
}

function risksOf(settings: DeviceSettings): readonly Risk[] {
  return spellUnenforceable(settings.promises).map((reason) => ({
    subject: settings.device,
    reason: `not enforceable: ${reason}`,
  }))
}

/** A peer with what the policy says about it. */
interface PeerSource {
  readonly endpoint: Endpoint
  readonly address: string
  readonly tcp: Decision
  readonly udp: Decision
}

/** From where a transport of a device is tried first: a source that may use it. */
interface Reference {
  readonly source: Source
  readonly suites: readonly number[]
  readonly handshake: Attempt
}

class DeviceChecks {
  readonly #request: DeriveRequest
  readonly #device: Device
  readonly #endpoint: Endpoint
  readonly #settings: DeviceSettings
  readonly #peers: readonly PeerSource[]
  readonly #references: Readonly<Record<SecureTransport, Reference | undefined>>

  constructor(request: DeriveRequest, device: Device, endpoint: Endpoint, settings: DeviceSettings) {
    this.#request = request
    this.#device = device
    this.#endpoint = endpoint
    this.#settings = settings
    this.#peers = this.#findPeers()
    this.#references = { tls: this.#findReference('tls'), dtls: this.#findReference('dtls') }
  }

  all(): readonly Check[] {
    return [
      ...this.#readBack(),
      ...transports.flatMap((transport) => this.#transport(transport)),
      ...this.#ports(),
      ...this.#peers.flatMap((peer) => this.#pair(peer)),
    ]
  }

  /** Peers whose fate at this device is tried: the manager first, then a few or all of each group. */
  #findPeers(): readonly PeerSource[] {
    const { index, peersPerGroup } = this.#request
    const limit = peersPerGroup ?? (index.endpoints.size <= smallPlant ? Number.POSITIVE_INFINITY : 1)
    const own = this.#endpoint
    const chosen = index.groups.flatMap(({ members }) => members.filter((member) => member !== own).slice(0, limit))
    const managerFirst = chosen
      .filter((peer) => peer === index.manager)
      .concat(chosen.filter((peer) => peer !== index.manager))
    return managerFirst.map((endpoint) => {
      const question = { from: endpoint.name, to: own.name }
      return {
        endpoint,
        address: this.#addressOf(endpoint),
        tcp: decide(index, { ...question, transport: 'tcp' }),
        udp: decide(index, { ...question, transport: 'udp' }),
      }
    })
  }

  #addressOf(endpoint: Endpoint): string {
    const { index, verifierAddress } = this.#request
    if (endpoint === index.manager) return verifierAddress ?? endpoint.address
    if (endpoint.device !== undefined) return endpoint.address
    // The first host of a range; its lowest address is the network itself.
    const { address, prefix } = endpoint.network
    return formatAddress(prefix >= 31 ? address : address + 1)
  }

  #findReference(transport: SecureTransport): Reference | undefined {
    for (const peer of this.#peers) {
      const decision = peer[policyTransport[transport]]
      if (decision.verdict !== 'secure' || !this.#canBe(peer.endpoint, decision)) continue
      const source = this.#sourceOf(peer, decision)
      const { suites } = decision
      return { source, suites, handshake: this.#handshake(transport, source, suites) }
    }
    return undefined
  }

  /** Whether a probe of this peer's zone is believed as the peer itself: not where the device knows one certificate alone. */
  #canBe(peer: Endpoint, decision: Decision): boolean {
    if (peer === this.#request.index.manager || decision.authentication !== 'certificate') return true
    return this.#settings.authorities.includes(peer.group.zone.name)
  }

  #sourceOf(peer: PeerSource, decision: Decision): Source {
    return { name: peer.endpoint.name, address: peer.address, credential: this.#credentialOf(peer.endpoint, decision) }
  }

  #credentialOf(peer: Endpoint, decision: Decision): CredentialChoice {
    if (decision.authentication === 'psk' && decision.psk !== undefined) return { kind: 'psk', name: decision.psk }
    if (peer === this.#request.index.manager) return this.#insider({ kind: 'verifier' })
    if (peer.group.capabilities.capable && peer.group.zone.authentication === 'certificate')
      return { kind: 'probe', endpoint: peer.name }
    return this.#insider(undefined)
  }

  /** The best credential that somebody inside the target's own zone could bring along. */
  #insider(certificate: CredentialChoice | undefined): CredentialChoice {
    const { zone, verifyClient, psk } = this.#settings
    const [key] = psk
    if (!verifyClient && key !== undefined) return { kind: 'psk', name: key.name }
    if (certificate !== undefined) return certificate
    const hasAuthority = this.#request.index.zones.get(zone)?.authentication === 'certificate'
    return hasAuthority
      ? { kind: 'zone', zone }
      : key === undefined
        ? { kind: 'verifier' }
        : { kind: 'psk', name: key.name }
  }

  #handshake(transport: SecureTransport, source: Source, suites: readonly number[]): Attempt {
    return { kind: 'handshake', transport, target: this.#settings.address, source, suites }
  }

  #facts(id: CheckId, subject: string, expectation: string) {
    return { id, kind: checkTable[id].kind, subject, device: this.#device.name, expectation }
  }

  #readBack(): readonly Check[] {
    const { index, means } = this.#request
    const { name, expect } = this.#device
    const settings = this.#settings
    const made: [CheckId, string][] = [['session-opens', 'a fresh session opens and every security object answers']]
    if (expect !== undefined) made.push(['unit-as-expected', `unit with ${JSON.stringify(expect)}`])
    made.push(['state-configured', '0x5D state configured'], ['state-secured', '0x5E state configured'])
    made.push(['allowed-suites', spellSuites(settings.allowedSuites)])
    const revision = means.revisions.get(name) ?? this.#endpoint.group.capabilities.revision
    if (revision >= 9) made.push(['originator-suites', spellSuites(settings.originatorSuites)])
    made.push(
      ['verify-client', onOff(settings.verifyClient)],
      ['send-chain', onOff(settings.sendChain)],
      ['check-expiration', onOff(settings.checkExpiration)],
      ['check-name', onOff(settings.checkName)],
      ['dtls-timeout', `${settings.dtlsTimeoutS} s`],
      ['trusted-authorities', spellList(settings.authorities)],
      ['trusted-identities', spellList(settings.identities)],
      ['pre-shared-keys', spellList(settings.psk.map(({ identity }) => identity))],
    )
    if (settings.authorities.some((zone) => means.lists.has(zone)))
      made.push(['revocation-lists', 'the newest lists of the zones it trusts'])
    if (settings.rules !== undefined) {
      made.push(['ingress-rules', `${settings.rules.ingress.length} rules`])
      made.push(['egress-rules', `${settings.rules.egress.length} rules`])
    }
    const ports = settings.ports.map(({ protocol, port, open }) => `${protocol}/${port} ${open ? 'open' : 'closed'}`)
    made.push(['port-states', spellList(ports)])
    const checks = made.map(([id, what]): Check => ({ ...this.#facts(id, name, what), method: 'read-back' }))
    return index.devices.has(name) ? checks : []
  }

  /** What is tried over one secured transport from the first source that may use it. */
  #transport(transport: SecureTransport): readonly Check[] {
    const reference = this.#references[transport]
    // Nobody may use it: then that is what the pairs check.
    if (reference === undefined) return []
    const { source, suites, handshake } = reference
    const target = this.#settings.address
    const where = `${this.#device.name} over ${spelled[transport]}`
    const checks: Check[] = []
    for (const id of suites) {
      const facts = this.#facts(
        'suite-connects',
        `${where}, ${suiteHex(id)}`,
        `${suiteHex(id)} connects from ${source.name}`,
      )
      checks.push({ ...facts, method: 'connect', attempt: this.#handshake(transport, source, [id]) })
    }
    for (const id of allSuites) {
      if (suites.includes(id)) continue
      checks.push({
        ...this.#facts('suite-refused', `${where}, ${suiteHex(id)}`, `${suiteHex(id)} is refused from ${source.name}`),
        method: 'refusal',
        attempt: { kind: 'hello', transport, target, source, suites: [id] },
        control: handshake,
        tolerated: this.#tolerance(source.name, transport, [id]),
      })
    }
    for (const version of otherVersions[transport]) {
      checks.push({
        ...this.#facts('version-refused', `${where}, ${version}`, `${version} is refused`),
        method: 'refusal',
        attempt: { kind: 'version', transport, target, source, version },
        control: handshake,
      })
    }
    checks.push(...this.#credentials(transport, reference, where))
    if (suites.some((id) => findSuite(id)?.authentication !== 'psk'))
      checks.push(...this.#certificate(transport, handshake, where))
    return checks
  }

  #certificate(transport: SecureTransport, attempt: Attempt, where: string): readonly Check[] {
    const { zone, address } = this.#settings
    const { dnsName } = this.#device
    const made: [CheckId, string][] = [
      ['certificate-chain', `issued by the authority of zone ${zone}`],
      ['certificate-name', dnsName === undefined ? `names ${address}` : `names ${address} and ${dnsName}`],
      ['certificate-dates', 'valid now'],
      ...(this.#request.means.lists.has(zone)
        ? ([['certificate-not-revoked', 'in no revocation list']] as const)
        : []
      ).map(([id, what]): [CheckId, string] => [id, what]),
      ['certificate-not-default', 'neither the default certificate nor self-signed'],
      ['certificate-active', 'the certificate that 0x5E attribute 6 leads to'],
    ]
    return made.map(([id, what]) => ({ ...this.#facts(id, where, what), method: 'certificate', transport, attempt }))
  }

  /** Credentials that must not do, each from an address and with suites that would. */
  #credentials(transport: SecureTransport, { source, suites, handshake }: Reference, where: string): readonly Check[] {
    const { verifyClient, authorities, checkExpiration, checkName } = this.#settings
    const { means } = this.#request
    const checks: Check[] = []
    const refuse = (id: CheckId, credential: CredentialChoice, what: string, subject = where): void => {
      const attempt = this.#handshake(transport, { ...source, credential }, suites)
      checks.push({ ...this.#facts(id, subject, what), method: 'refusal', attempt, control: handshake })
    }
    const settle = (id: CheckId, what: string, reason: string, subject = where): void => {
      checks.push({ ...this.#facts(id, subject, what), method: 'settled', verdict: 'not-probed', reason })
    }
    const byCertificate = suites.some((id) => findSuite(id)?.authentication !== 'psk')
    if (byCertificate && verifyClient) {
      refuse('no-certificate-refused', { kind: 'none' }, 'refused without a certificate')
      refuse('foreign-certificate-refused', { kind: 'foreign' }, 'refused with a certificate of another authority')
      const vendor = 'refused with a certificate of the maker'
      if (means.vendor) refuse('vendor-certificate-refused', { kind: 'vendor' }, vendor)
      else checks.push({ ...this.#facts('vendor-certificate-refused', where, vendor), method: 'trust' })
      for (const zone of authorities.filter((name) => means.lists.has(name))) {
        const what = `refused with a revoked certificate of zone ${zone}`
        const subject = `${where}, zone ${zone}`
        if (means.revoked.has(zone)) refuse('revoked-certificate-refused', { kind: 'revoked', zone }, what, subject)
        else
          settle(
            'revoked-certificate-refused',
            what,
            'no revoked credential is at hand; revocation-lists says which lists it holds',
            subject,
          )
      }
      if (checkExpiration) {
        const zone = authorities.find((name) => means.expired.has(name))
        const what = 'refused with an expired certificate'
        if (zone === undefined)
          settle(
            'expired-certificate-refused',
            what,
            'no expired credential is at hand; check-expiration says that dates are checked',
          )
        else refuse('expired-certificate-refused', { kind: 'expired', zone }, what)
      }
      if (checkName) {
        const other = this.#peers.find(
          ({ endpoint, ...decisions }) =>
            endpoint.name !== source.name &&
            decisions[policyTransport[transport]].authentication === 'certificate' &&
            endpoint !== this.#request.index.manager &&
            this.#canBe(endpoint, decisions[policyTransport[transport]]),
        )
        if (other !== undefined)
          refuse(
            'misnamed-certificate-refused',
            { kind: 'probe', endpoint: other.endpoint.name },
            `refused with the certificate of ${other.endpoint.name}`,
          )
      }
    }
    if (source.credential.kind === 'psk') {
      refuse('unknown-psk-refused', { kind: 'unknown-psk' }, 'refused with an unknown key identity')
      refuse('wrong-psk-refused', { kind: 'wrong-psk', name: source.credential.name }, 'refused with another key')
    }
    return checks
  }

  #ports(): readonly Check[] {
    const reference = this.#references.tls ?? this.#references.dtls
    if (reference === undefined) return []
    const { source, handshake } = reference
    return this.#settings.ports.map(({ protocol, port, open }): Check => {
      const subject = `${this.#device.name}, ${protocol}/${port}`
      const attempt: Attempt = { kind: 'port', protocol, port, target: this.#settings.address, source }
      return open
        ? {
            ...this.#facts('plain-port-open', subject, `${protocol}/${port} listens`),
            method: 'connect',
            attempt,
            control: handshake,
          }
        : {
            ...this.#facts('plain-port-closed', subject, `${protocol}/${port} does not listen`),
            method: 'refusal',
            attempt,
            control: handshake,
          }
    })
  }

  /** What one peer may do and may not do at this device, from its own address. */
  #pair(peer: PeerSource): readonly Check[] {
    return [...transports.flatMap((transport) => this.#securePair(peer, transport)), ...this.#plainPair(peer)]
  }

  #securePair(peer: PeerSource, transport: SecureTransport): readonly Check[] {
    const decision = peer[policyTransport[transport]]
    const subject = `${peer.endpoint.name} to ${this.#device.name} over ${spelled[transport]}`
    const fallback = this.#fallback(peer, securePort, policyTransport[transport])
    if (decision.verdict === 'secure') {
      // What the manager may do is tried suite by suite above.
      if (peer.endpoint === this.#request.index.manager) return []
      return this.#permitted(peer, decision, transport, subject, fallback)
    }
    const reference = this.#references[transport] ?? this.#references.tls ?? this.#references.dtls
    const expectation = `refused: ${decision.reason}`
    const facts = this.#facts('pair-refused', subject, expectation)
    if (reference === undefined) {
      const reason = 'no source may use any secured transport of this device, so a refusal would prove nothing'
      return [{ ...facts, method: 'settled', verdict: 'not-probed', reason }]
    }
    const source = this.#sourceOf(peer, decision)
    return [
      {
        ...facts,
        method: 'refusal',
        attempt: this.#handshake(transport, source, this.#settings.allowedSuites),
        control: reference.handshake,
        fallback,
        tolerated: this.#tolerance(peer.endpoint.name, transport, this.#settings.allowedSuites),
      },
    ]
  }

  #permitted(
    peer: PeerSource,
    decision: Decision,
    transport: SecureTransport,
    subject: string,
    fallback: RuleFallback,
  ): readonly Check[] {
    const expectation = `connects with ${spellSuites(decision.suites)}: ${decision.reason}`
    const facts = this.#facts('pair-connects', subject, expectation)
    if (!this.#canBe(peer.endpoint, decision)) {
      const reason = `${this.#device.name} knows ${peer.endpoint.name} by its own certificate alone, whose key never leaves it; trusted-identities says that it is known`
      return [{ ...facts, method: 'settled', verdict: 'not-probed', reason }]
    }
    const source = this.#sourceOf(peer, decision)
    const handshake = this.#handshake(transport, source, decision.suites)
    const others = allSuites.filter((id) => !decision.suites.includes(id))
    return [
      { ...facts, method: 'connect', attempt: handshake, fallback },
      {
        ...this.#facts('pair-suites-refused', subject, `refused with any suite but ${spellSuites(decision.suites)}`),
        method: 'refusal',
        attempt: { kind: 'hello', transport, target: this.#settings.address, source, suites: others },
        control: handshake,
        tolerated: this.#tolerance(peer.endpoint.name, transport, others),
      },
    ]
  }

  #plainPair(peer: PeerSource): readonly Check[] {
    const { rules, ports, address } = this.#settings
    // Without rules nothing tells plain peers apart: that is a risk, listed once. A closed port is a check of its own.
    const isOpen = (over: 'tcp' | 'udp', at: number) =>
      ports.some(({ protocol, port, open }) => protocol === over && port === at && open)
    const reference = this.#references.tls ?? this.#references.dtls
    if (rules === undefined || !isOpen('tcp', plainPort) || reference === undefined) return []
    const between = `${peer.endpoint.name} to ${this.#device.name}`
    const subject = `${between} in plain`
    const source: Source = { name: peer.endpoint.name, address: peer.address, credential: { kind: 'none' } }
    const attempt: Attempt = { kind: 'plain-session', target: address, source }
    const fallback = this.#fallback(peer, plainPort, 'tcp')
    // A zone that is protected and not enforced yet refuses nothing in plain.
    const refuses = this.#request.index.zones.get(this.#device.zone)?.stage !== 'protect'
    if (peer.tcp.verdict !== 'plain') {
      if (!refuses) return []
      // Plain I/O begins in a plain session: who gets none is tried for both at once.
      const expectation = `no plain session, and so no plain I/O: ${peer.tcp.reason}`
      const facts = this.#facts('pair-plain-refused', subject, expectation)
      return [{ ...facts, method: 'refusal', attempt, control: reference.handshake, fallback }]
    }
    const session: Check = {
      ...this.#facts('pair-plain-connects', subject, `a plain session opens: ${peer.tcp.reason}`),
      method: 'connect',
      attempt,
      fallback,
    }
    if (peer.udp.verdict === 'plain' || !isOpen('udp', plainIoPort) || !refuses) return [session]
    const expectation = `no Forward_Open of plain I/O: ${peer.udp.reason}`
    return [
      session,
      {
        ...this.#facts('pair-plain-io-refused', `${between} in plain I/O`, expectation),
        method: 'refusal',
        attempt: { kind: 'plain-io', target: address, source },
        control: attempt,
        fallback: this.#fallback(peer, plainIoPort, 'udp'),
      },
    ]
  }

  #fallback(peer: PeerSource, port: number, protocol: 'tcp' | 'udp'): RuleFallback {
    return { from: peer.endpoint.name, ip: peer.address, port, protocol }
  }

  /** Why getting through would not be this device's failure: it has no rules, and its one list of settings allows it. */
  #tolerance(peer: string, transport: SecureTransport, suites: readonly number[]): string | undefined {
    const { enforcement, promises, allowedSuites } = this.#settings
    if (enforcement === 'rules' || !suites.some((id) => allowedSuites.includes(id))) return undefined
    const about = (name: string) =>
      promises.find((promise) => promise.peer === name && promise.transport === policyTransport[transport])
    const promise = about(peer) ?? about(everyoneElse)
    if (promise === undefined || promise.enforcement === 'here') return undefined
    return promise.enforcement === 'peer'
      ? `this device does not refuse it, the promise rests on the peer alone: ${promise.reason}`
      : `not enforceable: ${promise.reason}`
  }
}

function connectionChecks({ index, means, only }: DeriveRequest): readonly Check[] {
  const id = 'connection-protected' as const
  return index.plant.connections.flatMap((connection): readonly Check[] => {
    const { name, from, to, when } = connection
    if (when === 'before' || (only !== undefined && !only.has(from) && !only.has(to))) return []
    const { decision, hops } = decideConnection(index, connection)
    const secured = connection.class === 3 ? 'tls' : 'dtls'
    const transport = decision.verdict === 'secure' ? secured : 'tcp'
    const how = decision.verdict === 'secure' ? `${spelled[secured]} with ${spellSuites(decision.suites)}` : 'plain'
    const facts = {
      id,
      kind: checkTable[id].kind,
      subject: name,
      device: to,
      expectation: `${how}: ${decision.reason}`,
    }
    if (decision.verdict === 'denied')
      return [{ ...facts, method: 'settled', verdict: 'fail', reason: `the policy denies it: ${decision.reason}` }]
    if (!means.live)
      return [
        { ...facts, method: 'settled', verdict: 'not-tested', reason: 'no table of live connections was handed in' },
      ]
    return [{ ...facts, method: 'connection', connection: name, transport, suites: decision.suites, hops }]
  })
}

function policyChecks(index: PlantIndex): readonly Check[] {
  const id = 'policy-test' as const
  return runTests(index).map(({ test, path, verdict, reason }) => ({
    id,
    kind: checkTable[id].kind,
    subject: `${path} ${test.from} to ${test.to}`,
    device: undefined,
    expectation: 'the statement holds',
    method: 'settled' as const,
    verdict,
    reason,
  }))
}

/** Checks of which the openssl command repeats one, for each transport. */
const repeated: ReadonlySet<CheckId> = new Set([
  'suite-connects',
  'suite-refused',
  'version-refused',
  'no-certificate-refused',
  'foreign-certificate-refused',
  'unknown-psk-refused',
  'wrong-psk-refused',
  'pair-connects',
  'pair-refused',
])

function repeats(checks: readonly Check[]): readonly Check[] {
  const id = 'openssl-agrees' as const
  const seen = new Set<string>()
  return checks.flatMap((check): readonly Check[] => {
    if (!repeated.has(check.id) || !isRepeatable(check)) return []
    const key = `${check.id} ${check.attempt.transport}`
    if (seen.has(key)) return []
    seen.add(key)
    const { subject, device, expectation } = check
    return [
      {
        id,
        kind: checkTable[id].kind,
        subject: `${check.id}: ${subject}`,
        device,
        expectation,
        method: 'repeat',
        of: check,
      },
    ]
  })
}

function isRepeatable(
  check: Check,
): check is (ConnectCheck | RefusalCheck) & { readonly attempt: { readonly transport: SecureTransport } } {
  if (check.method !== 'connect' && check.method !== 'refusal') return false
  const { attempt } = check
  if (attempt.kind !== 'handshake' && attempt.kind !== 'hello' && attempt.kind !== 'version') return false
  if (check.method === 'refusal' && check.tolerated !== undefined) return false
  // The command knows the suites of OpenSSL only; 0xD001 is none of them. Where a key lets in, no suite of certificates would.
  const byKey = attempt.source.credential.kind === 'psk'
  const tells = (id: number) => id !== unknownToOpenssl && (!byKey || findSuite(id)?.authentication === 'psk')
  return attempt.kind === 'version' || attempt.suites.some(tells)
}

/** TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256, which OpenSSL does not have. */
const unknownToOpenssl = 0xd001

function spellSuites(suites: readonly number[]): string {
  return suites.length === 0 ? 'none' : suites.map(suiteHex).join(', ')
}

function spellList(items: readonly string[]): string {
  return items.length === 0 ? 'none' : items.join(', ')
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off'
}
