import { path } from '@cordon/core/cip'
import { NotTrusted, PeerError, TransportError } from '@cordon/core/errors'
import { assembly, cipSecurity, identity } from '@cordon/core/objects'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connect, type SessionTransport } from '../../src/originator/connect.ts'
import { openIo } from '../../src/originator/io.ts'
import { TargetHost, type TargetHostOptions } from '../../src/target/target-host.ts'
import type { TargetLogEntry } from '../../src/target/target-log.ts'
import type { Credentials } from '../../src/transports/credentials.ts'
import { testAddress } from '../addresses.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'
import { secureDevice, steer } from './test-device.ts'

let authority: TestAuthority
let own: Identity
let manager: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  own = await authority.issue('device')
  manager = await authority.issue('manager')
})

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

let nextHost = 60
async function hostFactory() {
  const device = await secureDevice(testAddress(nextHost++))
  const host = new TargetHost({ device })
  await host.start()
  open.push(host)
  return { device, host, address: device.address }
}

async function hostConfigured(options: Partial<TargetHostOptions> = {}, udpOnly = false) {
  const device = await secureDevice(testAddress(nextHost++), { udpOnly })
  const steered = steer(device, credentialsOf(own, authority))
  const log: TargetLogEntry[] = []
  const host = new TargetHost({ device: steered, log: (entry) => log.push(entry), ...options })
  await host.start()
  open.push(host)
  return { device, steered, host, address: device.address, log }
}

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

describe('a factory-fresh target', () => {
  it.each(['tls', 'dtls'] as const)(
    'shows its default certificate over %s to a commissioning client',
    async (transport) => {
      const { address, device } = await hostFactory()
      let shown: Uint8Array | undefined
      const session = await connect({
        address,
        transport,
        commissioning: {
          inspect: (peer) => {
            shown = peer.security?.peerChain[0]
          },
        },
      })
      open.push(session)
      expect(Buffer.from(shown ?? []).equals(Buffer.from(device.security().chain[0] ?? []))).toBe(true)
      expect(session.peer.security?.authenticated).toBe('none')
      expect(await session.objects.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
    },
  )

  it('gets no byte of CIP when the client does not like what it sees', async () => {
    const { address, host } = await hostFactory()
    const refusal = new TransportError('refused', 'not the device I expected')
    const opening = connect({ address, commissioning: { inspect: () => Promise.reject(refusal) } })
    await expect(opening).rejects.toBe(refusal)
    await until(() => host.associations().length === 0)
  })

  it('needs credentials or commissioning to be reached over TLS', async () => {
    await expect(connect({ address: testAddress(1), transport: 'tls' })).rejects.toMatchObject({ code: 'missing' })
  })
})

describe('a configured target', () => {
  it.each(['tls', 'dtls'] as const)('serves a peer of its authority over %s', async (transport) => {
    const { address, host } = await hostConfigured()
    const session = await connect({ address, transport, credentials: credentialsOf(manager, authority) })
    open.push(session)
    expect(await session.objects.get(identity, 1, 'productName')).toBe('Secure Adapter')
    expect(session.peer.security).toMatchObject({ authenticated: 'certificate', suite: 0xc02c })
    expect(host.associations()).toMatchObject([{ transport, localPort: 2221, suite: 0xc02c }])
  })

  it.each(['tls', 'dtls'] as const)(
    'makes no session over %s while entropy is missing, and says so',
    async (transport) => {
      let refusal: string | undefined = 'no entropy source is left: jitter: repetition count test'
      const { address, log } = await hostConfigured({ refuseSessions: () => refusal })
      const credentials = credentialsOf(manager, authority)
      await expect(connect({ address, transport, credentials, connectTimeoutMs: 300 })).rejects.toThrow()
      expect(log[0]).toMatchObject({ event: 'no-entropy', port: 2221, severity: 'warning', message: refusal })
      refusal = undefined
      const session = await connect({ address, transport, credentials })
      open.push(session)
      expect(await session.objects.get(identity, 1, 'productName')).toBe('Secure Adapter')
    },
  )

  it('refuses a stranger, and its log names the peer and the reason', async () => {
    const foreign = await makeAuthority('foreign')
    const stranger = await foreign.issue('stranger')
    const { address, log } = await hostConfigured()
    const opening = connect({
      address,
      localAddress: testAddress(59),
      credentials: { ...credentialsOf(stranger, foreign), anchors: [authority.certificate] },
    })
    await expect(opening).rejects.toBeInstanceOf(PeerError)
    await until(() => log.length > 0)
    expect(log[0]).toMatchObject({ event: 'handshake-failed', port: 2221, severity: 'warning' })
    expect(log[0]?.peer).toMatch(new RegExp(`^${testAddress(59).replaceAll('.', '\\.')}:`))
    expect(log[0]?.message).toMatch(/authority/)
  })

  it('is not believed when its certificate comes from elsewhere', async () => {
    const foreign = await makeAuthority('foreign')
    const { address } = await hostConfigured()
    const opening = connect({ address, credentials: credentialsOf(manager, foreign) })
    await expect(opening).rejects.toBeInstanceOf(NotTrusted)
  })

  it('narrows the suites by what a rule allows this peer', async () => {
    const { address, steered } = await hostConfigured()
    steered.admission = (peer) =>
      peer === testAddress(58)
        ? { allowed: true, suites: [0xc006], reason: 'rule 3' }
        : { allowed: true, reason: 'rule 4' }
    const offer: Credentials = credentialsOf(manager, authority, { suites: [0xc02c, 0xc006] })
    const narrowed = await connect({ address, localAddress: testAddress(58), credentials: offer })
    const free = await connect({ address, localAddress: testAddress(57), credentials: offer })
    open.push(narrowed, free)
    expect(narrowed.peer.security?.suite).toBe(0xc006)
    expect(free.peer.security?.suite).toBe(0xc02c)
    const wrong = connect({
      address,
      localAddress: testAddress(58),
      credentials: credentialsOf(manager, authority, { suites: [0xc02c] }),
    })
    await expect(wrong).rejects.toBeInstanceOf(PeerError)
  })

  it.each(['tls', 'dtls', 'tcp'] as const)(
    'does not let a peer in over %s whom its rules refuse',
    async (transport) => {
      const { address, steered, log } = await hostConfigured()
      steered.admission = () => ({ allowed: false, reason: 'rule 7 denies it' })
      const opening = connect({
        address,
        transport,
        connectTimeoutMs: 500,
        ...(transport === 'tcp' ? {} : { credentials: credentialsOf(manager, authority) }),
      })
      await expect(opening).rejects.toThrow()
      expect(log[0]).toMatchObject({ event: 'refused', message: 'rule 7 denies it' })
    },
  )

  it('serves new credentials at once when they change, and keeps what is open', async () => {
    const { address, steered, host } = await hostConfigured()
    const before = await connect({ address, credentials: credentialsOf(manager, authority) })
    open.push(before)
    const successor = await makeAuthority('successor')
    const renewed = await successor.issue('device renewed')
    steered.secure({ chain: [renewed.certificate], key: renewed.key, anchors: [successor.certificate] })
    host.deviceChanged()
    expect(await before.objects.get(identity, 1, 'vendorId')).toBe(1)
    await expect(connect({ address, credentials: credentialsOf(manager, authority) })).rejects.toBeInstanceOf(
      NotTrusted,
    )
    const fresh = await successor.issue('manager renewed')
    const after = await connect({ address, credentials: credentialsOf(fresh, successor) })
    open.push(after)
    expect(await after.objects.get(identity, 1, 'vendorId')).toBe(1)
  })

  it('closes secured links when the device says so, and leaves plain ones', async () => {
    const { address, steered, host } = await hostConfigured()
    const secured = await connect({ address, credentials: credentialsOf(manager, authority) })
    const overDtls = await connect({ address, transport: 'dtls', credentials: credentialsOf(manager, authority) })
    const plain = await connect({ address })
    open.push(secured, overDtls, plain)
    await until(() => host.associations().length === 3)
    steered.announce({ kind: 'close-links', which: 'all-secure', afterMs: 20, reason: 'new configuration' })
    host.deviceChanged()
    await secured.closed
    await overDtls.closed
    expect(await plain.objects.get(identity, 1, 'vendorId')).toBe(1)
  })

  it('follows its ports at once, and ends what came in on a closed one', async () => {
    const { address, steered, host } = await hostConfigured()
    const plain = await connect({ address })
    open.push(plain)
    steered.openPorts = steered.openPorts.map((entry) => (entry.port === 44818 ? { ...entry, open: false } : entry))
    steered.announce({ kind: 'ports-changed' })
    host.deviceChanged()
    await plain.closed
    await host.settled()
    expect(host.ports().sort()).toEqual(['2221/tcp', '2221/udp', '2222/udp'])
    await expect(connect({ address })).rejects.toMatchObject({ code: 'refused' })
    steered.openPorts = steered.openPorts.map((entry) => ({ ...entry, open: true }))
    steered.announce({ kind: 'ports-changed' })
    host.deviceChanged()
    await host.settled()
    const again = await connect({ address })
    open.push(again)
    expect(await again.objects.get(identity, 1, 'vendorId')).toBe(1)
  })

  it('ends a DTLS association after the silence that 0x5E attribute 15 allows', async () => {
    const { address, steered, host } = await hostConfigured()
    steered.secure({ dtlsTimeoutS: 1 })
    const session = await connect({ address, transport: 'dtls', credentials: credentialsOf(manager, authority) })
    open.push(session)
    await until(() => host.associations().length === 1)
    await session.closed
    expect(host.associations()).toHaveLength(0)
  })

  it.each(['tls', 'dtls'] as const)('can be slow to shake hands over %s, and still gets there', async (transport) => {
    let delayMs = 300
    const { address } = await hostConfigured({ handshakeDelayMs: () => delayMs })
    const credentials = credentialsOf(manager, authority)
    await expect(connect({ address, transport, credentials, connectTimeoutMs: 150 })).rejects.toMatchObject({
      code: 'timeout',
    })
    const session = await connect({ address, transport, credentials })
    open.push(session)
    delayMs = 0
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
  })

  it('says no goodbye when its power goes', async () => {
    const { address, host } = await hostConfigured()
    const session = await connect({ address, transport: 'dtls', credentials: credentialsOf(manager, authority) })
    await until(() => host.associations().length === 1)
    await host.powerOff()
    expect(host.ports()).toHaveLength(0)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(session.state).toBe('open')
    await session.close()
  })

  it.each(['tls', 'dtls'] as const)(
    'writes the secrets of %s to a key log where that is asked for',
    async (transport) => {
      const lines: string[] = []
      const { address } = await hostConfigured({ keyLog: (line) => lines.push(line) })
      const mine: string[] = []
      const session = await connect({
        address,
        transport,
        credentials: credentialsOf(manager, authority),
        keyLog: (line) => mine.push(line),
      })
      open.push(session)
      await until(() => lines.length === 1)
      expect(lines).toEqual(mine)
      expect(lines[0]).toMatch(/^CLIENT_RANDOM /)
    },
  )

  it('confirms nothing before it is durable', async () => {
    let finish: () => void = () => {}
    const saved = new Promise<void>((resolve) => {
      finish = resolve
    })
    const { address, steered } = await hostConfigured({ save: () => saved })
    const session = await connect({ address, credentials: credentialsOf(manager, authority) })
    open.push(session)
    steered.announce({ kind: 'save' })
    let answered = false
    const answer = session.objects.get(identity, 1, 'vendorId').then(() => {
      answered = true
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(answered).toBe(false)
    finish()
    await answer
  })

  it('answers nothing that it could not store', async () => {
    const { address, steered, log } = await hostConfigured({ save: () => Promise.reject(new Error('disk full')) })
    const session = await connect({ address, credentials: credentialsOf(manager, authority) })
    open.push(session)
    steered.announce({ kind: 'save' })
    await expect(session.objects.get(identity, 1, 'vendorId')).rejects.toBeInstanceOf(TransportError)
    expect(log.find((entry) => entry.event === 'save-failed')?.message).toContain('disk full')
  })

  it('carries class 1 over DTLS 2221, Forward_Open included', async () => {
    const { address, device } = await hostConfigured()
    device.setAssembly(100, new Uint8Array(40).fill(3), 0)
    const io = await openIo({
      target: address,
      class: 1,
      path: path({ class: assembly.id, instance: 102, connectionPoints: [101, 100] }),
      rpiMs: 10,
      timeoutMultiplier: 512,
      outputSize: 14,
      inputSize: 42,
      credentials: credentialsOf(manager, authority, { suites: [0xc006] }),
      produce: (output) => output.fill(4),
    })
    open.push(io)
    await io.firstData
    await until(() => io.statistics.received >= 10)
    expect([...io.input]).toEqual(Array(40).fill(3))
    expect([...device.assembly(101)]).toEqual(Array(8).fill(4))
    expect(io.session.peer.security?.suite).toBe(0xc006)
  })

  it('does not open plain I/O by a Forward_Open over TLS', async () => {
    const { address } = await hostConfigured()
    const session = await connect({ address, credentials: credentialsOf(manager, authority) })
    open.push(session)
    const { openIoOver } = await import('../../src/originator/io.ts')
    const options = {
      class: 1,
      path: path({ class: assembly.id, instance: 102, connectionPoints: [101, 100] }),
      rpiMs: 10,
      timeoutMultiplier: 512,
      outputSize: 14,
      inputSize: 42,
    } as const
    await expect(openIoOver(session, options)).rejects.toMatchObject({ code: 'not-supported' })
  })
})

describe('the UDP-only profile', () => {
  it.each(['udp', 'udp-dtls'] as const)('serves sessions over %s on 44818', async (transport: SessionTransport) => {
    const { address } = await hostConfigured({}, true)
    const session = await connect({
      address,
      transport,
      ...(transport === 'udp' ? {} : { credentials: credentialsOf(manager, authority) }),
    })
    open.push(session)
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
    expect(session.peer.security?.version).toBe(transport === 'udp' ? undefined : 'DTLSv1.2')
  })

  it('is refused by a device that does not have it', async () => {
    const { address } = await hostConfigured()
    const opening = connect({ address, transport: 'udp-dtls', credentials: credentialsOf(manager, authority) })
    await expect(opening).rejects.toMatchObject({ code: 'encapsulation-status' })
  })
})
