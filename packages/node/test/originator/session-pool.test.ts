import { identity } from '@cordon/core/objects'
import { afterEach, describe, expect, it } from 'vitest'
import { SessionPool } from '../../src/originator/session-pool.ts'
import { processSchedule } from '../../src/schedule.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { testAddress } from '../addresses.ts'
import { plainDevice } from '../target/test-device.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(host: number) {
  const device = plainDevice(testAddress(host))
  const target = new TargetHost({ device })
  await target.start()
  open.push(target)
  return { target, key: { address: device.address, transport: 'tcp', credentialsId: '' } as const }
}

const until = async (condition: () => boolean) => {
  for (let i = 0; i < 300 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

describe('shared sessions', () => {
  it('are one for all that want the same, and end with the last', async () => {
    const { target, key } = await start(230)
    const pool = new SessionPool({ localAddress: testAddress(229), schedule: processSchedule() })
    const [one, two] = await Promise.all([pool.acquire(key), pool.acquire(key)])
    expect(one.session).toBe(two.session)
    expect(one.session.peer.localEndpoint.address).toBe(testAddress(229))
    expect(target.associations()).toHaveLength(1)
    one.release()
    one.release()
    expect(await two.session.objects.get(identity, 1, 'vendorId')).toBe(1)
    two.release()
    await until(() => target.associations().length === 0)
    expect(pool.size).toBe(0)
  })

  it('are opened anew after one ended', async () => {
    const { key } = await start(231)
    const pool = new SessionPool({ localAddress: testAddress(229), schedule: processSchedule() })
    const first = await pool.acquire(key)
    await first.session.close()
    const second = await pool.acquire(key)
    expect(second.session).not.toBe(first.session)
    first.release()
    expect(await second.session.objects.get(identity, 1, 'vendorId')).toBe(1)
    second.release()
  })

  it('fail for everybody who waited when they cannot be opened, and are tried again by the next', async () => {
    const pool = new SessionPool({ localAddress: testAddress(229), schedule: processSchedule() })
    const key = { address: testAddress(232), transport: 'tcp', credentialsId: '' } as const
    const results = await Promise.allSettled([pool.acquire(key), pool.acquire(key)])
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected'])
    expect(pool.size).toBe(0)
    await start(232)
    const lease = await pool.acquire(key)
    expect(lease.session.state).toBe('open')
    lease.release()
  })

  it('opens no TLS or DTLS session while entropy is missing; a plain one needs none', async () => {
    await start(233)
    const pool = new SessionPool({
      localAddress: testAddress(229),
      schedule: processSchedule(),
      refuseSessions: () => 'no entropy source is left',
    })
    const address = testAddress(233)
    for (const transport of ['tls', 'dtls'] as const) {
      await expect(pool.acquire({ address, transport, credentialsId: 'own' })).rejects.toThrow(
        /no entropy source is left/,
      )
    }
    const lease = await pool.acquire({ address, transport: 'tcp', credentialsId: '' })
    expect(lease.session.state).toBe('open')
    lease.release()
  })
})
