import { path } from '@cordon/core/cip'
import { assembly, identity, qos } from '@cordon/core/objects'
import type { Device } from '@cordon/core/device'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { connect } from '../../src/originator/connect.ts'
import { openIo, type OpenIoOptions } from '../../src/originator/io.ts'
import { OriginatorHost } from '../../src/originator/originator-host.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { Marker } from '../../src/transports/marking.ts'
import { bindUdp } from '../../src/transports/udp.ts'
import { testAddress } from '../addresses.ts'
import { secureDevice, steer } from '../target/test-device.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'
import { canSniff, type SeenPacket, sniff } from './sniffer.ts'

const open: { close(): Promise<unknown> | unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const until = async (condition: () => boolean, ms = 15_000) => {
  for (let i = 0; i < ms / 10 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

const receiver = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
s.bind((sys.argv[1], 0))
print(s.getsockname()[1], flush=True)
for _ in range(int(sys.argv[2])):
    data, ancillary, _, _ = s.recvmsg(2048, 64)
    print(data.decode(), ancillary[0][2][0] >> 2, flush=True)
`
const hasPython = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0

describe('the mark of packets', () => {
  it.skipIf(!hasPython)('is each datagram’s own on a socket that serves several priorities', async () => {
    const address = testAddress(40)
    const child = spawn('python3', ['-c', receiver, address, '6'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString()
    })
    await until(() => said.includes('\n'))
    const remote = { address, port: Number.parseInt(said, 10) }
    let own: number | undefined = 27
    const socket = await bindUdp({ address, port: 0, dscp: () => own }, () => {})
    open.push(socket)
    const send = (text: string, dscp?: number) => socket.send(new TextEncoder().encode(text), remote, dscp)
    send('a')
    send('b', 55)
    send('c', 47)
    send('d', 47)
    own = 0
    send('e')
    send('f', 63)
    await once(child, 'exit')
    expect(said.trim().split('\n').slice(1)).toEqual(['a 27', 'b 55', 'c 47', 'd 47', 'e 0', 'f 63'])
  })

  it('is given up with one warning of the process where the system has no way to set it', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      // A server that does not listen has no descriptor.
      for (const dscp of [27, 55]) new Marker(createServer()).set(dscp)
      expect(warned).toHaveBeenCalledTimes(1)
      expect(warned.mock.calls[0]?.[0]).toMatch(/without the DSCP marks .* does not tell the descriptor/)
    } finally {
      warned.mockRestore()
    }
  })
})

let authority: TestAuthority
let targetIdentity: Identity
let originatorIdentity: Identity
beforeAll(async () => {
  authority = await makeAuthority('plant')
  targetIdentity = await authority.issue('target')
  originatorIdentity = await authority.issue('originator')
})

const targetMarks = { urgent: 1, scheduled: 2, high: 3, low: 4, explicit: 5 }
const originatorMarks = { urgent: 11, scheduled: 12, high: 13, low: 14, explicit: 15 }

function setMarks(device: Device, marks: typeof targetMarks): void {
  const { data } = device as unknown as { readonly data: { qos: readonly number[] } } // as Set_Attribute_Single leaves it
  data.qos = [0, 59, 47, marks.urgent, marks.scheduled, marks.high, marks.low, marks.explicit]
}

async function hosted(own: Identity, host: number, marks: typeof targetMarks) {
  const device = await secureDevice(testAddress(host))
  setMarks(device, marks)
  device.restart(0)
  const steered = steer(device, credentialsOf(own, authority))
  const target = new TargetHost({ device: steered })
  await target.start()
  open.push(target)
  return { device, steered, target, address: device.address }
}

const ioPath = path({ class: assembly.id, instance: 102, connectionPoints: [101, 100] })
const ioOptions = (target: string, more: Partial<OpenIoOptions> = {}): OpenIoOptions => ({
  target,
  path: ioPath,
  class: 1,
  rpiMs: 20,
  timeoutMultiplier: 64,
  outputSize: 14,
  inputSize: 42,
  ...more,
})

/** The marks of packets with content by their direction, port of the target and protocol. */
function marksSeen(packets: readonly SeenPacket[], target: string): Record<string, number[]> {
  const seen: Record<string, Set<number>> = {}
  for (const { protocol, from, to, length, dscp } of packets) {
    if (length === 0) continue
    const fromTarget = from.startsWith(`${target}:`)
    const port = (fromTarget ? from : to).split(':')[1]
    const name = `${fromTarget ? 'from' : 'to'} ${port}/${protocol}`
    seen[name] ??= new Set()
    seen[name].add(dscp)
  }
  return Object.fromEntries(Object.entries(seen).map(([name, marks]) => [name, [...marks].sort((a, b) => a - b)]))
}

/** The sniffer is a process of its own: what it saw comes a little later. */
const seen = (packets: readonly SeenPacket[], target: string, marks: Record<string, number[]>) =>
  vi.waitFor(() => expect(marksSeen(packets, target)).toEqual(marks), { timeout: 10_000 })

describe.skipIf(!canSniff)('packets on the network carry the marks of the QoS object', () => {
  it('in plain: messages as explicit, class 1 data by the priority of each connection', async () => {
    const target = await hosted(targetIdentity, 41, targetMarks)
    const sniffer = await sniff(({ from, to }) => `${from} ${to}`.includes(`${target.address}:`))
    open.push({ close: () => sniffer.stop() })
    const localAddress = testAddress(42)
    const session = await connect({ address: target.address, transport: 'tcp', localAddress, dscp: originatorMarks })
    await session.objects.get(identity, 1, 'vendorId')
    await session.close()
    for (const priority of ['urgent', 'scheduled', 'high', 'low'] as const) {
      const io = await openIo(ioOptions(target.address, { priority, localAddress, dscp: originatorMarks }))
      await io.firstData
      await until(() => io.statistics.sent > 2)
      await io.close()
    }
    await seen(sniffer.packets, target.address, {
      'to 44818/tcp': [15],
      'from 44818/tcp': [5],
      'to 2222/udp': [11, 12, 13, 14],
      'from 2222/udp': [1, 2, 3, 4],
    })
  })

  it('over TLS and DTLS: one association, handshake and messages as explicit, class 1 data by priority', async () => {
    const target = await hosted(targetIdentity, 43, targetMarks)
    const sniffer = await sniff(({ from, to }) => `${from} ${to}`.includes(`${target.address}:`))
    open.push({ close: () => sniffer.stop() })
    const origin = await hosted(originatorIdentity, 44, originatorMarks)
    origin.steered.egressRule = () => ({ allowed: true, secure: true, reason: 'test' })
    const originator = new OriginatorHost({
      device: origin.steered,
      target: origin.target,
      originator: { vendorId: 1, serialNumber: 7 },
      connections: [
        { name: 'io', target: target.address, class: 1, path: ioPath, rpiMs: 20, outputSize: 14, inputSize: 42 },
        {
          name: 'messages',
          target: target.address,
          class: 3,
          path: path({ class: 0x02, instance: 1 }),
          rpiMs: 50,
          outputSize: 502,
          inputSize: 502,
        },
      ],
    })
    open.push(originator)
    await until(() => originator.connections().every(({ packets }) => packets > 3))
    expect(originator.connections().map(({ transport }) => transport)).toEqual(['dtls', 'tls'])
    await seen(sniffer.packets, target.address, {
      'to 2221/tcp': [15],
      'from 2221/tcp': [5],
      'to 2221/udp': [12, 15],
      'from 2221/udp': [2, 5],
    })
  })

  it('with new values from the next power-up on, not before', async () => {
    const target = await hosted(targetIdentity, 45, targetMarks)
    const sniffer = await sniff(({ from }) => from.startsWith(`${target.address}:`))
    open.push({ close: () => sniffer.stop() })
    const ask = async (localAddress: string) => {
      const session = await connect({ address: target.address, transport: 'tcp', localAddress })
      const mark = await session.objects.get(qos, 1, 'dscpExplicit')
      await session.close()
      return mark
    }
    const heardBy = (address: string) => sniffer.packets.filter(({ to }) => to.startsWith(`${address}:`))
    const [early, late] = [testAddress(48), testAddress(49)]
    const before = await connect({ address: target.address, transport: 'tcp' })
    await before.objects.set(qos, 1, 'dscpExplicit', 33)
    await before.close()
    expect(await ask(early)).toBe(33)
    target.device.restart(0)
    await ask(late)
    await until(() => heardBy(late).length > 2)
    expect(marksSeen(heardBy(early), target.address)).toEqual({ 'from 44818/tcp': [5] })
    expect(marksSeen(heardBy(late), target.address)).toEqual({ 'from 44818/tcp': [33] })
  })

  it('on 44818/udp', async () => {
    const target = await hosted(targetIdentity, 46, targetMarks)
    const sniffer = await sniff(({ to }) => to.startsWith(`${testAddress(47)}:`))
    open.push({ close: () => sniffer.stop() })
    const heard: number[] = []
    const asking = await bindUdp({ address: testAddress(47), port: 0 }, (bytes) => heard.push(bytes.length))
    open.push(asking)
    asking.send(Uint8Array.from([0x63, ...new Array<number>(23).fill(0)]), { address: target.address, port: 44818 })
    await until(() => heard.length > 0 && sniffer.packets.length > 0)
    expect(sniffer.packets.map(({ dscp }) => dscp)).toEqual([5])
  })
})
