import { path } from '@cordon/core/cip'
import { identity, assembly } from '@cordon/core/objects'
import { afterEach, describe, expect, it } from 'vitest'
import { connect } from '../../src/originator/connect.ts'
import { openClass3 } from '../../src/originator/class3.ts'
import { openIo } from '../../src/originator/io.ts'
import type { Session } from '../../src/originator/session.ts'
import { TargetHost, type TargetHostOptions } from '../../src/target/target-host.ts'
import type { TargetLogEntry } from '../../src/target/target-log.ts'
import { testAddress } from '../addresses.ts'
import { plainDevice } from './test-device.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

let nextHost = 30
async function hostPlain(options: Partial<TargetHostOptions> = {}) {
  const address = testAddress(nextHost++)
  const device = plainDevice(address)
  const log: TargetLogEntry[] = []
  const host = new TargetHost({ device, log: (entry) => log.push(entry), ...options })
  await host.start()
  open.push(host)
  return { address, device, host, log }
}

async function connectPlain(address: string): Promise<Session> {
  const session = await connect({ address, localAddress: testAddress(29) })
  open.push(session)
  return session
}

describe('a plain target', () => {
  it('listens where its device says, and nowhere else', async () => {
    const { host } = await hostPlain()
    expect(host.ports().sort()).toEqual(['2222/udp', '44818/tcp', '44818/udp'])
  })

  it('answers typed requests', async () => {
    const { address } = await hostPlain()
    const session = await connectPlain(address)
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
    expect(await session.objects.get(identity, 1, 'productName')).toBe('Test Adapter')
    expect(session.peer.transport).toBe('tcp')
    expect(session.peer.security).toBeUndefined()
  })

  it('answers many requests at once', async () => {
    const { address } = await hostPlain()
    const session = await connectPlain(address)
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => session.objects.get(identity, 1, 'productCode')),
    )
    expect(new Set(answers)).toEqual(new Set([65]))
  })

  it('answers nothing that is not stored, and tries again by itself', async () => {
    let full = true
    let tries = 0
    const { address, device, host, log } = await hostPlain({
      save: async () => {
        tries++
        if (full) throw new Error('no space left')
      },
    })
    device.setProtectionMode(1)
    host.deviceChanged()
    await expect.poll(() => tries, { timeout: 5_000 }).toBeGreaterThan(1)
    await expect(connectPlain(address)).rejects.toThrow()
    expect(log.filter(({ event }) => event === 'save-failed')).toMatchObject([
      { severity: 'error', message: expect.stringContaining('until it is: no space left') },
    ])
    full = false
    await expect.poll(() => log.some(({ event }) => event === 'saved'), { timeout: 5_000 }).toBe(true)
    const session = await connectPlain(address)
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(1)
  })

  it('says by name what it refuses', async () => {
    const { address } = await hostPlain()
    const session = await connectPlain(address)
    await expect(session.objects.get(identity, 77, 'vendorId')).rejects.toThrow(
      /Get_Attribute_Single of Identity \(0x01\) instance 77 attribute 1 \(vendorId\): the target answered .*\(0x/,
    )
  })

  it('takes class 3 connections', async () => {
    const { address, device, host } = await hostPlain()
    const session = await connectPlain(address)
    const connection = await openClass3(session, { rpiMs: 100 })
    expect(await connection.objects.get(identity, 1, 'vendorId')).toBe(1)
    expect(device.connections(0)).toHaveLength(1)
    await connection.close()
    expect(device.connections(0)).toHaveLength(0)
    expect(host.associations()).toHaveLength(1)
  })

  it('keeps an idle class 3 connection alive beyond its watchdog', async () => {
    const { address, device } = await hostPlain()
    const session = await connectPlain(address)
    const connection = await openClass3(session, { rpiMs: 50, timeoutMultiplier: 8 })
    expect(await connection.objects.get(identity, 1, 'vendorId')).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(connection.state).toBe('open')
    expect(device.connections(0)).toHaveLength(1)
    expect(await connection.objects.get(identity, 1, 'vendorId')).toBe(1)
    await connection.close()
  })

  it('exchanges class 1 data over UDP 2222', async () => {
    const { address, device, host } = await hostPlain()
    device.setAssembly(100, new Uint8Array(40).fill(5), 0)
    host.deviceChanged()
    let seen = 0
    const io = await openIo({
      target: address,
      localAddress: testAddress(29),
      class: 1,
      path: path({ class: assembly.id, instance: 102, connectionPoints: [101, 100] }),
      rpiMs: 10,
      timeoutMultiplier: 512,
      outputSize: 14,
      inputSize: 42,
      produce: (output) => output.fill(9),
      onData: () => seen++,
    })
    open.push(io)
    await io.firstData
    for (let i = 0; i < 1000 && seen < 10; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(seen).toBeGreaterThanOrEqual(10)
    expect([...io.input]).toEqual(Array(40).fill(5))
    expect([...device.assembly(101)]).toEqual(Array(8).fill(9))
    await io.close()
    expect(device.connections(0)).toHaveLength(0)
  })
})
