import { path } from '@cordon/core/cip'
import { assembly, identity } from '@cordon/core/objects'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ConfiguredConnection, ConnectionMove } from '../../src/originator/configured-connection.ts'
import { OriginatorHost, type OriginatorHostOptions } from '../../src/originator/originator-host.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { Cable } from '../../src/transports/cable.ts'
import { canSniff, sniff } from '../transports/sniffer.ts'
import { testAddress } from '../addresses.ts'
import { secureDevice, steer } from '../target/test-device.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'

let authority: TestAuthority
let targetIdentity: Identity
let originatorIdentity: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  targetIdentity = await authority.issue('target')
  originatorIdentity = await authority.issue('originator')
})

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

let next = 100
async function makeHost(own: Identity, suites?: readonly number[]) {
  const device = await secureDevice(testAddress(next++))
  const steered = steer(device, credentialsOf(own, authority, suites === undefined ? {} : { suites }))
  const host = new TargetHost({ device: steered })
  await host.start()
  open.push(host)
  return { device, steered, host, address: device.address }
}

const until = async (condition: () => boolean, ms = 15_000) => {
  for (let i = 0; i < ms / 10 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

const ioPath = path({ class: assembly.id, instance: 102, connectionPoints: [101, 100] })
const inputOnlyPath = path({ class: assembly.id, instance: 102, connectionPoints: [198, 100] })
const cyclic = (name: string, target: string, more: Partial<ConfiguredConnection> = {}): ConfiguredConnection => ({
  name,
  target,
  class: 1,
  path: ioPath,
  rpiMs: 10,
  // A pause of a busy machine must not look like a dead peer.
  timeoutMultiplier: 32,
  outputSize: 14,
  inputSize: 42,
  ...more,
})
const explicit = (name: string, target: string, more: Partial<ConfiguredConnection> = {}): ConfiguredConnection => ({
  name,
  target,
  class: 3,
  path: path({ class: 0x02, instance: 1 }),
  rpiMs: 20,
  outputSize: 502,
  inputSize: 502,
  ...more,
})

async function plant(
  connections: (target: string) => ConfiguredConnection[],
  more: Partial<OriginatorHostOptions> = {},
) {
  const target = await makeHost(targetIdentity, [0xc02c, 0xc006])
  const origin = await makeHost(originatorIdentity, [0xc02c, 0xc006])
  const moves: ConnectionMove[] = []
  const log: string[] = []
  const originator = new OriginatorHost({
    device: origin.steered,
    target: origin.host,
    originator: { vendorId: 1, serialNumber: 0xabcdef },
    connections: connections(target.address),
    onMove: (move) => moves.push(move),
    log: (entry) => log.push(entry.message),
    backoff: { firstMs: 20, maxMs: 200 },
    ...more,
  })
  open.push(originator)
  const row = (name: string) => {
    const found = originator.connections().find((status) => status.name === name)
    if (found === undefined) throw new Error(`no connection ${name}`)
    return found
  }
  const secureAll = (suites: readonly number[]) => {
    origin.steered.egressRule = () => ({ allowed: true, secure: true, suites, reason: 'test rule' })
    origin.steered.announce({ kind: 'security-changed' })
    origin.host.deviceChanged()
  }
  return { target, origin, originator, moves, log, row, secureAll }
}

describe('an originator host', () => {
  it('opens its connections in plain where policy says so, over one session', async () => {
    const { target, row } = await plant((address) => [cyclic('io', address), explicit('messages', address)])
    await until(() => row('io').packets > 3 && row('messages').packets > 3)
    expect(row('io')).toMatchObject({ state: 'open', transport: 'tcp', protection: 'none', opens: 1 })
    expect(row('messages')).toMatchObject({ state: 'open', transport: 'tcp', protection: 'none' })
    expect(target.host.associations()).toHaveLength(1)
    expect(target.device.connections(0)).toHaveLength(2)
  })

  it('uses port 2222 of its own device for plain I/O', async () => {
    const { target, row } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    expect(target.device.connections(0)[0]?.peer.port).toBe(2222)
  })

  it('moves running connections when policy begins to want them secured, and measures the gap', async () => {
    const { target, moves, row, secureAll } = await plant((address) => [
      cyclic('io', address, { path: inputOnlyPath, outputSize: 2 }),
      explicit('messages', address),
    ])
    await until(() => row('io').packets > 3 && row('messages').packets > 3)
    secureAll([0xc006])
    await until(() => moves.length === 2)
    expect(row('io')).toMatchObject({ state: 'open', transport: 'dtls', suite: 0xc006, protection: 'authenticated' })
    expect(row('messages')).toMatchObject({
      state: 'open',
      transport: 'tls',
      suite: 0xc006,
      protection: 'authenticated',
    })
    const io = moves.find((move) => move.connection === 'io')
    expect(io).toMatchObject({ from: 'tcp', to: 'dtls', suite: 0xc006, overlap: true, intervalMs: 10 })
    expect(io?.gapMs).toBeGreaterThan(0)
    await until(() => target.host.associations().length === 2)
    expect(
      target.host
        .associations()
        .map((each) => each.transport)
        .sort(),
    ).toEqual(['dtls', 'tls'])
    expect(target.device.connections(0)).toHaveLength(2)
  })

  it('closes the old connection first where its serial number is fixed', async () => {
    const { target, moves, row, secureAll } = await plant((address) => [cyclic('io', address, { serial: 773 })])
    await until(() => row('io').packets > 3)
    expect(row('io').serial).toBe(773)
    secureAll([0xc02c])
    await until(() => moves.length === 1)
    expect(moves[0]).toMatchObject({ overlap: false, to: 'dtls' })
    expect(row('io')).toMatchObject({ serial: 773, state: 'open', protection: 'encrypted' })
    expect(target.device.connections(0)).toHaveLength(1)
  })

  it('closes the old connection first where the target lets only one own its outputs', async () => {
    const { moves, row, secureAll } = await plant((address) => [cyclic('owner', address)])
    await until(() => row('owner').packets > 3)
    secureAll([0xc02c])
    await until(() => moves.length === 1)
    expect(moves[0]).toMatchObject({ overlap: false })
    await until(() => row('owner').packets > 10)
  })

  it('moves back to plain when policy allows that again', async () => {
    const { origin, moves, row, secureAll } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    secureAll([0xc02c])
    await until(() => moves.length === 1)
    origin.steered.egressRule = () => ({ allowed: true, secure: false, reason: 'released' })
    origin.steered.announce({ kind: 'security-changed' })
    origin.host.deviceChanged()
    await until(() => moves.length === 2)
    expect(moves[1]).toMatchObject({ from: 'dtls', to: 'tcp', suite: undefined })
    expect(row('io')).toMatchObject({ protection: 'none', state: 'open' })
  })

  it('moves to new credentials when the device gets them', async () => {
    const { origin, moves, row, secureAll } = await plant((address) => [explicit('messages', address)])
    secureAll([0xc02c])
    await until(() => row('messages').state === 'open' && row('messages').transport === 'tls')
    const renewed = await authority.issue('originator renewed')
    origin.steered.secure({ chain: [renewed.certificate], key: renewed.key })
    origin.host.deviceChanged()
    await until(() => moves.at(-1)?.from === 'tls')
    expect(moves.at(-1)).toMatchObject({ to: 'tls', suite: 0xc02c })
    await until(() => row('messages').state === 'open')
  })

  it('shares one TLS session and one DTLS association per target', async () => {
    const { target, row, secureAll } = await plant((address) => [
      explicit('m1', address),
      explicit('m2', address),
      cyclic('io1', address, { path: inputOnlyPath, outputSize: 2 }),
      cyclic('io2', address, { path: inputOnlyPath, outputSize: 2 }),
    ])
    secureAll([0xc02c])
    await until(() => ['m1', 'm2', 'io1', 'io2'].every((name) => row(name).packets > 3 && row(name).suite === 0xc02c))
    await until(() => target.host.associations().length === 2)
    expect(target.device.connections(0)).toHaveLength(4)
  })

  it('is forced to a secured transport by :2221 in the path', async () => {
    const { row } = await plant((address) => [explicit('messages', `${address}:2221`)])
    await until(() => row('messages').packets > 1)
    expect(row('messages')).toMatchObject({ transport: 'tls', suite: 0xc02c })
  })

  it('closes what policy no longer allows, and says why', async () => {
    const { origin, target, row } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    origin.steered.egressRule = () => ({ allowed: false, secure: false, reason: 'rule 9 denies it' })
    origin.steered.announce({ kind: 'security-changed' })
    origin.host.deviceChanged()
    await until(() => row('io').state === 'refused-by-policy')
    expect(row('io').lastError).toBe('rule 9 denies it')
    await until(() => target.device.connections(0).length === 0)
  })

  it('notices a changed policy that nobody announced', async () => {
    const { origin, row } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    origin.steered.egressRule = () => ({ allowed: true, secure: true, reason: 'quietly changed' })
    await until(() => row('io').transport === 'dtls')
  })

  it('goes on in plain while the secured way cannot be opened, but not for ever', async () => {
    const { target, row, secureAll } = await plant((address) => [cyclic('io', address)], { plainGraceMs: 400 })
    await until(() => row('io').packets > 3)
    target.steered.admission = (_peer, port) => ({ allowed: port !== 2221, reason: 'not yet' })
    target.steered.openPorts = target.steered.openPorts.filter(({ port }) => port !== 2221)
    target.steered.announce({ kind: 'ports-changed' })
    target.host.deviceChanged()
    await target.host.settled()
    secureAll([0xc02c])
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(row('io')).toMatchObject({ state: 'open', transport: 'tcp' })
    await until(() => row('io').state === 'waiting', 15_000)
    await until(() => target.device.connections(0).length === 0)
  })

  it('does no plain I/O while port 2222 of its own device is closed', async () => {
    const { origin, row } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    origin.steered.openPorts = origin.steered.openPorts.map((each) =>
      each.port === 2222 ? { ...each, open: false } : each,
    )
    origin.steered.announce({ kind: 'ports-changed' })
    origin.host.deviceChanged()
    await until(() => /2222\/udp is closed/.test(row('io').lastError ?? ''))
    expect(row('io').state).toBe('waiting')
  })

  it('closes everything when it is closed', async () => {
    const { target, originator, row } = await plant((address) => [cyclic('io', address), explicit('messages', address)])
    await until(() => row('io').packets > 1 && row('messages').packets > 1)
    await originator.close()
    expect(target.device.connections(0)).toHaveLength(0)
    await until(() => target.host.associations().length === 0)
    expect(row('io').state).toBe('stopped')
  })
})

describe('without help', () => {
  it.each([false, true])('a connection comes back after the target restarted (secured: %s)', async (secured) => {
    const { target, row, secureAll } = await plant((address) => [
      cyclic('io', address, { serial: 5 }),
      explicit('messages', address, { serial: 6 }),
    ])
    if (secured) secureAll([0xc02c])
    await until(
      () => row('io').packets > 3 && row('messages').packets > 3 && (!secured || row('io').transport === 'dtls'),
    )
    await target.host.close()
    target.device.restart(0)
    await until(() => row('io').state !== 'open' && row('messages').state !== 'open')
    const packets = row('io').packets
    const again = new TargetHost({ device: target.steered })
    await again.start()
    open.push(again)
    await until(
      () => row('io').state === 'open' && row('messages').state === 'open' && row('io').packets > packets + 3,
      15_000,
    )
    expect(row('io').losses).toBeGreaterThan(0)
  })

  it.each([false, true])('a connection comes back after the cable was pulled (secured: %s)', async (secured) => {
    const { target, row, secureAll } = await plant((address) => [
      cyclic('io', address, { serial: 7 }),
      explicit('messages', address, { serial: 8 }),
    ])
    if (secured) secureAll([0xc02c])
    await until(
      () => row('io').packets > 3 && row('messages').packets > 3 && (!secured || row('io').transport === 'dtls'),
    )
    target.host.pullCable()
    await until(() => row('io').state !== 'open')
    await until(() => row('messages').state !== 'open')
    target.host.plugCable()
    const packets = row('io').packets
    await until(
      () => row('io').state === 'open' && row('messages').state === 'open' && row('io').packets > packets + 3,
      20_000,
    )
    expect(row('io').longestGapMs).toBeGreaterThan(30)
  })

  it.each([false, true])('its own pulled cable cuts what it opened itself (secured: %s)', async (secured) => {
    const cable = new Cable()
    const { origin, row, secureAll } = await plant(
      (address) => [cyclic('io', address, { serial: 7 }), explicit('messages', address, { serial: 8 })],
      { cable },
    )
    if (secured) secureAll([0xc02c])
    await until(
      () =>
        row('io').packets > 3 &&
        row('messages').packets > 3 &&
        (!secured || (row('io').transport === 'dtls' && row('messages').transport === 'tls')),
    )
    const sniffer = canSniff
      ? await sniff(({ from, length }) => from.startsWith(origin.address) && length > 0)
      : undefined
    cable.pull()
    origin.host.pullCable()
    // What went out before may reach the sniffer later.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const gone = sniffer?.packets.length
    await until(() => row('io').state !== 'open' && row('messages').state !== 'open')
    const packets = row('io').packets
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(row('io').packets).toBe(packets)
    expect(sniffer?.packets.length).toBe(gone)
    await sniffer?.stop()
    cable.plug()
    origin.host.plugCable()
    await until(
      () => row('io').state === 'open' && row('messages').state === 'open' && row('io').packets > packets + 3,
      20_000,
    )
  })

  it.each([
    { transportClass: 1, transport: 'dtls' },
    { transportClass: 3, transport: 'tls' },
  ])('takes up its $transport session again, until either side is configured anew', async ({ transport }) => {
    const name = transport === 'dtls' ? 'io' : 'messages'
    const { target, origin, row, secureAll } = await plant((address) => [
      transport === 'dtls' ? cyclic(name, address) : explicit(name, address),
    ])
    secureAll([0xc02c])
    const opened = async (before: number) => {
      await until(() => row(name).opens > before && row(name).state === 'open' && row(name).transport === transport)
      return row(name)
    }
    const lose = async () => {
      const { opens } = row(name)
      target.device.restart(0)
      for (const action of [{ kind: 'close-links', which: 'all', afterMs: 0, reason: 'test' }] as const) {
        target.steered.announce(action)
      }
      target.host.deviceChanged()
      return opened(opens)
    }
    expect((await opened(0)).resumed).toBe(false)
    expect((await lose()).resumed).toBe(true)
    expect((await lose()).resumed).toBe(true)
    target.steered.secure({})
    expect((await lose()).resumed).toBe(false)
    expect((await lose()).resumed).toBe(true)
    const { opens } = row(name)
    origin.steered.secure({})
    origin.host.deviceChanged()
    expect((await opened(opens)).resumed).toBe(false)
    expect((await lose()).resumed).toBe(true)
    // Dates are judged in full handshakes only.
    target.steered.secure({ checkExpiration: true })
    for (let i = 0; i < 2; i++) expect((await lose()).resumed).toBe(false)
  })

  it('reads what it is told to read', async () => {
    const names: number[] = []
    const { row } = await plant((address) => [
      explicit('reader', address, {
        poll: () => ({
          service: 0x0e,
          path: path({ class: identity.id, instance: 1, attribute: 3 }),
          data: new Uint8Array(0),
        }),
        pollMs: 30,
        onReply: (reply) => names.push((reply.data[0] ?? 0) | ((reply.data[1] ?? 0) << 8)),
      }),
    ])
    await until(() => row('reader').packets > 2)
    expect(new Set(names)).toEqual(new Set([66]))
  })
})

describe('an originator behind a module', () => {
  it('keeps its own identity in a shared session', async () => {
    const { target, row } = await plant((address) => [
      explicit('first', address, { originator: { vendorId: 1, serialNumber: 11 }, serial: 9 }),
      explicit('second', address, { originator: { vendorId: 1, serialNumber: 22 }, serial: 9 }),
    ])
    await until(() => row('first').packets > 1 && row('second').packets > 1)
    expect(target.host.associations()).toHaveLength(1)
    expect(target.device.connections(0)).toHaveLength(2)
  })

  it('goes on with a new device object and host of the same address', async () => {
    const { origin, originator, row } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    await origin.host.powerOff()
    await until(() => row('io').state !== 'open')
    const again = new TargetHost({ device: origin.steered })
    await again.start()
    open.push(again)
    const packets = row('io').packets
    originator.useDevice(origin.steered, again)
    await until(() => row('io').packets > packets + 3)
  })
})

describe('a move that policy forces by closing the old way', () => {
  it('is reported with its gap like any other', async () => {
    const { target, moves, row, secureAll } = await plant((address) => [cyclic('io', address)])
    await until(() => row('io').packets > 3)
    target.steered.openPorts = target.steered.openPorts.filter(({ port }) => port === 2221)
    target.steered.announce({ kind: 'ports-changed' })
    target.host.deviceChanged()
    await until(() => row('io').state !== 'open')
    secureAll([0xc02c])
    await until(() => moves.length === 1)
    expect(moves[0]).toMatchObject({ from: 'tcp', to: 'dtls', overlap: false })
    expect(moves[0]?.gapMs).toBeGreaterThan(30)
    expect(row('io').lastMove).toEqual(moves[0])
  })
})
