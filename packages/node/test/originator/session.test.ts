import { path, port } from '@cordon/core/cip'
import { download, storeFile, upload } from '@cordon/core/client'
import { isSecureLink } from '@cordon/core/device'
import { TransportError } from '@cordon/core/errors'
import { cipSecurity, file, identity } from '@cordon/core/objects'
import { afterEach, describe, expect, it } from 'vitest'
import { openClass3 } from '../../src/originator/class3.ts'
import { connect } from '../../src/originator/connect.ts'
import { discover } from '../../src/originator/discover.ts'
import { ReconnectingIo, ReconnectingSession } from '../../src/originator/reconnecting.ts'
import { routed } from '../../src/originator/routed.ts'
import { BroadcastResponder } from '../../src/target/broadcast-responder.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { bindUdp } from '../../src/transports/udp.ts'
import { listenTcp } from '../../src/transports/tcp.ts'
import { testAddress } from '../addresses.ts'
import { plainDevice, secureDevice } from '../target/test-device.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

let next = 200
async function start(device = plainDevice(testAddress(next++))) {
  const host = new TargetHost({ device })
  await host.start()
  open.push(host)
  return { device, host, address: device.address }
}

const until = async (condition: () => boolean, ms = 15_000) => {
  for (let i = 0; i < ms / 10 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

describe('a session', () => {
  it('fails its requests when the target goes away', async () => {
    const silent = await listenTcp({ address: testAddress(250), port: 44818 }, (transport) => {
      transport.attach({
        data: (bytes) => {
          // Registers, then says nothing more.
          if (bytes[0] === 0x65)
            transport.send(Uint8Array.from([...bytes.subarray(0, 4), 1, 0, 0, 0, ...bytes.subarray(8)]))
          else transport.destroy()
        },
        closed: () => {},
      })
    })
    open.push(silent)
    const session = await connect({ address: testAddress(250) })
    await expect(session.objects.get(identity, 1, 'vendorId')).rejects.toMatchObject({ code: 'closed' })
    expect(session.state).toBe('closed')
    await expect(session.objects.get(identity, 1, 'vendorId')).rejects.toBeInstanceOf(TransportError)
  })

  it('gives up a request in its time and goes on', async () => {
    const answers: (() => void)[] = []
    const device = plainDevice(testAddress(next++))
    const request = device.request.bind(device)
    device.request = (asked, link, now, context) =>
      asked.service === 0x05
        ? new Promise((resolve) =>
            answers.push(() => resolve({ service: 5, status: 0, extended: [], data: new Uint8Array(0) })),
          )
        : request(asked, link, now, context)
    const { address } = await start(device)
    const session = await connect({ address })
    open.push(session)
    const slow = session.request(
      { service: 0x05, path: path({ class: 1, instance: 1 }), data: new Uint8Array(0) },
      { timeoutMs: 100 },
    )
    // A slow request does not hold up the others.
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
    await expect(slow).rejects.toMatchObject({ code: 'timeout' })
    for (const answer of answers) answer()
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
  })

  it('cancels a request by its signal', async () => {
    const device = plainDevice(testAddress(next++))
    device.request = () => new Promise(() => {})
    const { address } = await start(device)
    const session = await connect({ address })
    open.push(session)
    const controller = new AbortController()
    const asking = session.objects.get(identity, 1, 'vendorId', { signal: controller.signal })
    controller.abort()
    await expect(asking).rejects.toMatchObject({ code: 'aborted' })
    await expect(session.objects.get(identity, 1, 'vendorId', { signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
    })
  })

  it('is not opened with a target that never answers', async () => {
    const silent = await listenTcp({ address: testAddress(251), port: 44818 }, () => {})
    open.push(silent)
    await expect(connect({ address: testAddress(251), connectTimeoutMs: 200 })).rejects.toMatchObject({
      code: 'timeout',
    })
  })

  it('cancels its opening by its signal', async () => {
    const silent = await listenTcp({ address: testAddress(252), port: 44818 }, () => {})
    open.push(silent)
    const controller = new AbortController()
    const opening = connect({ address: testAddress(252), signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    await expect(opening).rejects.toMatchObject({ code: 'aborted' })
  })

  it('ends with its scope', async () => {
    const { address, host } = await start()
    {
      await using session = await connect({ address })
      expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
    }
    await until(() => host.associations().length === 0)
  })

  it('keeps itself alive where that is wanted', async () => {
    const device = plainDevice(testAddress(next++))
    device.encapsulation = () => ({ inactivityTimeoutS: 1, outstanding: 16, udpOnly: 'no', io: true })
    const { address } = await start(device)
    const kept = await connect({ address, keepAliveMs: 200 })
    const silent = await connect({ address })
    open.push(kept, silent)
    await silent.closed
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(kept.state).toBe('open')
    expect(await kept.objects.get(identity, 1, 'vendorId')).toBe(1)
  })
})

describe('a route through a backplane', () => {
  const chassis = async () => {
    const controller = plainDevice('slot 0', {
      identity: {
        vendorId: 1,
        deviceType: 14,
        productCode: 166,
        majorRevision: 33,
        minorRevision: 11,
        serialNumber: 7,
        productName: 'Controller',
      },
      slot: 0,
    })
    const { address } = await start(
      plainDevice(testAddress(next++), { backplane: (slot) => (slot === 0 ? controller : undefined), slot: 1 }),
    )
    const session = await connect({ address })
    open.push(session)
    return { session }
  }

  it('reaches the controller behind a module, unconnected', async () => {
    const { session } = await chassis()
    expect(await routed(session, [port(1, 0)]).objects.get(identity, 1, 'productName')).toBe('Controller')
    expect(await session.objects.get(identity, 1, 'productName')).toBe('Test Adapter')
  })

  it('reaches it connected', async () => {
    const { session } = await chassis()
    const connection = await openClass3(session, { path: [port(1, 0), ...path({ class: 2, instance: 1 })] })
    expect(await connection.objects.get(identity, 1, 'productName')).toBe('Controller')
    await connection.close()
  })

  it('says that a slot is empty', async () => {
    const { session } = await chassis()
    await expect(routed(session, [port(1, 5)]).objects.get(identity, 1, 'productName')).rejects.toMatchObject({
      code: 'general-status',
    })
  })
})

describe('file transfer with a device', () => {
  it('reads its default certificate, and writes a file that reads back the same', async () => {
    const device = await secureDevice(testAddress(next++))
    const { address } = await start(device)
    const session = await connect({ address, commissioning: true })
    open.push(session)
    const certificate = await upload(session.objects, 0x0101)
    expect(Buffer.from(certificate).toString()).toContain('-----BEGIN CERTIFICATE-----')
    const content = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff)
    await session.objects.call(cipSecurity, 1, 'beginConfig')
    const instance = await storeFile(session.objects, 'notes', 'binary', content)
    expect(await upload(session.objects, instance)).toEqual(content)
    expect(await session.objects.get(file, instance, 'size')).toBe(1000)
    await download(session.objects, instance, content.subarray(0, 255))
    expect(await upload(session.objects, instance)).toEqual(content.subarray(0, 255))
    expect(isSecureLink({ transport: 'tcp', localPort: 1, peer: { address: '', port: 0 } }, true)).toBe(false)
  })
})

describe('without help', () => {
  it('a session comes back after its target restarted', async () => {
    const { device, host, address } = await start()
    const lost: unknown[] = []
    const session = new ReconnectingSession({
      address,
      backoff: { firstMs: 20, maxMs: 100 },
      lost: (error) => lost.push(error),
    })
    open.push(session)
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
    await host.close()
    await until(() => lost.length > 0)
    const waiting = session.objects.get(identity, 1, 'vendorId')
    const again = new TargetHost({ device })
    await again.start()
    open.push(again)
    expect(await waiting).toBe(1)
  })

  it('a class 1 connection comes back after the cable was pulled', async () => {
    const { host, address } = await start()
    let opened = 0
    const io = new ReconnectingIo({
      target: address,
      class: 1,
      path: path({ class: 4, instance: 102, connectionPoints: [101, 100] }),
      rpiMs: 10,
      timeoutMultiplier: 32,
      outputSize: 14,
      inputSize: 42,
      connectTimeoutMs: 300,
      backoff: { firstMs: 20, maxMs: 100 },
      opened: () => opened++,
    })
    open.push(io)
    const first = await io.opened()
    await first.firstData
    host.pullCable()
    await first.closed
    host.plugCable()
    const second = await io.opened()
    await second.firstData
    expect(opened).toBeGreaterThanOrEqual(2)
  })

  it('a session that is refused for good is given up', async () => {
    const lost: number[] = []
    const session = new ReconnectingSession({
      address: testAddress(253),
      transport: 'tls',
      lost: (_error, wait) => lost.push(wait),
    })
    open.push(session)
    // Without credentials there is nothing to try again with.
    await expect(session.connected()).rejects.toMatchObject({ code: 'missing' })
    expect(lost).toEqual([Number.POSITIVE_INFINITY])
  })

  it('a request waits for a session only as long as it may', async () => {
    const session = new ReconnectingSession({ address: testAddress(254), backoff: { firstMs: 1000 } })
    open.push(session)
    await expect(session.objects.get(identity, 1, 'vendorId', { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'timeout',
    })
  })
})

describe('discovery', () => {
  it('finds devices one by one, from a local address, and ends when all answered', async () => {
    const one = await start()
    const two = await start(await secureDevice(testAddress(next++)))
    const seen: string[] = []
    const found = await discover({
      targets: [one.address, two.address],
      localAddress: testAddress(249),
      waitMs: 10_000,
      onReply: (reply) => seen.push(reply.address),
    })
    expect(found.map((reply) => reply.address).sort()).toEqual([one.address, two.address].sort())
    expect(found.find((reply) => reply.address === two.address)?.security).toMatchObject({
      cipSecurityState: 'factoryDefault',
    })
    expect(found.find((reply) => reply.address === one.address)?.security).toBeUndefined()
    expect(seen).toHaveLength(2)
  })

  it('gives up on those that do not answer', async () => {
    const { address } = await start()
    const found = await discover({ targets: [address, testAddress(248)], waitMs: 100, maxDelayMs: 500, tries: 1 })
    expect(found.map((reply) => reply.address)).toEqual([address])
  })

  it('asks again when a question was lost', async () => {
    let asked = 0
    const { device, host } = await start()
    await host.close()
    const deaf = await bindUdp({ address: device.address, port: 44818 }, () => {
      asked++
      deaf.close()
      void new TargetHost({ device }).start()
    })
    const found = await discover({ targets: [device.address], waitMs: 500, tries: 3 })
    expect(asked).toBe(1)
    expect(found).toHaveLength(1)
  })

  it('does not take answers of those that were not asked', async () => {
    const { address } = await start()
    const stranger = await bindUdp({ address: testAddress(247), port: 0 }, () => {})
    open.push({ close: async () => stranger.close() })
    const relay = await bindUdp({ address: testAddress(246), port: 44818 }, (bytes, remote) => {
      // Answers with a plausible reply from another address.
      const reply = Uint8Array.from(bytes)
      stranger.send(reply, remote)
    })
    open.push({ close: async () => relay.close() })
    const found = await discover({ targets: [testAddress(246), address], waitMs: 100, tries: 1 })
    expect(found.map((reply) => reply.address)).toEqual([address])
  })

  it('finds every device on a broadcast address, each answering from its own', async () => {
    const broadcast = testAddress(255)
    const responder = await BroadcastResponder.open({ address: broadcast })
    open.push(responder)
    const hosts = await Promise.all([start(), start(), start()])
    for (const { host } of hosts) responder.add(host)
    const found = await discover({ broadcast: [broadcast], maxDelayMs: 500, waitMs: 700, tries: 1 })
    expect(found.map((reply) => reply.address).sort()).toEqual(hosts.map(({ address }) => address).sort())
    for (const reply of found) expect(reply.port).toBe(44818)
  })

  it('is cancelled by its signal', async () => {
    const controller = new AbortController()
    const discovering = discover({ targets: [testAddress(245)], waitMs: 10_000, signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    await expect(discovering).rejects.toMatchObject({ code: 'aborted' })
  })
})
