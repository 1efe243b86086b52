import { once } from 'node:events'
import { connect as tcpConnect, type Socket } from 'node:net'
import { connect } from 'node:tls'
import { encodeBase64 } from '@cordon/core/x509'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, makeRequest, makeWorld, type World } from './support.ts'

const open: Socket[] = []

afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy()
})

/** A connection from a loopback address of its own choice; what becomes of it is the listener's affair. */
function from(world: World, localAddress: string): Socket {
  const socket = tcpConnect({ host: world.address, port: world.port, localAddress })
  socket.on('error', () => {})
  open.push(socket)
  return socket
}

/** One of eight addresses, so that none of them comes to its own limit at once. */
const attacker = (i: number) => `127.71.254.${1 + (i % 8)}`

const attacks: Readonly<Record<string, (world: World, i: number) => void>> = {
  'half-open': (world, i) => {
    from(world, attacker(i))
  },
  'slow-loris': (world, i) => {
    const socket = connect({ socket: from(world, attacker(i)), rejectUnauthorized: false })
    socket.on('error', () => {})
    socket.write('POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  },
  'non-TLS': (world, i) => {
    from(world, attacker(i)).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  },
}

/** Connections that the system holds back come a second or more later. */
const patience = { timeout: 20_000 }

const limits = { connections: 200, connectionsPerAddress: 64, handshakes: 80, connectBurst: 400 }

describe('a good client is served, and what the others hold is bounded', () => {
  test.each(Object.entries(attacks))('beside 500 %s clients', async (kind, attack) => {
    await using world = await makeWorld({ limits })
    const { csr } = await makeRequest()
    const statuses: number[] = []
    for (let i = 0; i < 500; i++) {
      attack(world, i)
      if (i % 50 !== 49) continue
      statuses.push((await ask(world, '/simpleenroll', { body: encodeBase64(csr) })).status)
      const { connections, handshakes } = world.server.status()
      expect(connections).toBeLessThanOrEqual(limits.connections)
      expect(handshakes).toBeLessThanOrEqual(limits.handshakes)
    }
    expect(statuses).toEqual(Array.from({ length: 10 }, () => 200))
    await expect.poll(() => world.server.status().counters.connections, patience).toBe(510)
    const { evicted, notTls } = world.server.status().counters
    if (kind === 'non-TLS') await expect.poll(() => world.server.status().counters.notTls, patience).toBe(500)
    else expect(evicted).toBeGreaterThan(0)
    expect(notTls).toBeLessThanOrEqual(500)
  })

  test('beside 2000 at once from one address, of which all beyond its limit are refused', async () => {
    await using world = await makeWorld()
    for (let i = 0; i < 2000; i++) from(world, attacker(0))
    expect((await ask(world, '/cacerts')).status).toBe(200)
    await expect.poll(() => world.server.status().counters.connections, patience).toBe(2001)
    const { connections, counters } = world.server.status()
    expect(connections).toBeLessThanOrEqual(65)
    expect(counters.refused).toBeGreaterThanOrEqual(2000 - 64)
  })

  test('a client that is gone in the middle of a handshake leaves nothing behind', async () => {
    await using world = await makeWorld()
    for (let i = 0; i < 50; i++) {
      const socket = from(world, attacker(i))
      await once(socket, 'connect')
      socket.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1))
      if (i % 2 === 0) socket.resetAndDestroy()
      else socket.destroy()
    }
    await expect.poll(() => world.server.status(), patience).toMatchObject({ connections: 0, handshakes: 0 })
  })
})
