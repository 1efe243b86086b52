import { describe, expect, it } from 'vitest'
import { suites } from '../lib/index.ts'
import {
  clientContext,
  established,
  exchange,
  identity,
  type Pair,
  psk,
  received,
  serverContext,
  text,
} from './pair.ts'
import { issue } from './pki.ts'
import { generator } from './virtual-link.ts'

const root = await issue({ ca: true })
const ecdsa = await issue({ subject: 'CN=ecdsa' }, root)
const rsa = await issue({ subject: 'CN=rsa', kind: 'RSA-2048' }, root)

/** A record of epoch 1 that somebody without the keys made up. */
function forge(type: number, sequence: number, content: Uint8Array): Uint8Array {
  const { length } = content
  return Uint8Array.from([
    ...[type, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0],
    ...[sequence >> 8, sequence & 255, length >> 8, length & 255],
    ...content,
  ])
}

function expectAlive(pair: Pair): void {
  pair.client.write(text('still'))
  pair.server.write(text('here'))
  exchange(pair)
  expect([received(pair.server), received(pair.client)]).toEqual([['still'], ['here']])
}

describe('an established DTLS association', () => {
  it.each(suites.filter(({ available }) => available).map((suite) => [suite.name, suite] as const))(
    'survives forged records of every length with %s, after a full and an abbreviated handshake',
    (_, suite) => {
      const options = { suites: [suite.id], psk: psk(), anchors: [root.der] }
      const server = serverContext('dtls', {
        ...options,
        identity: identity(suite.authentication === 'rsa' ? rsa : ecdsa),
      })
      const client = clientContext('dtls', options)
      const first = established(server, client)
      const resume = first.client.ticket()
      if (resume === undefined) throw new Error('no ticket')
      const random = generator(suite.id)
      for (const pair of [first, established(server, client, { resume })]) {
        let sequence = 50
        for (let length = 0; length < 130; length++) {
          for (const type of [20, 21, 22, 23, 24]) {
            const forged = forge(
              type,
              ++sequence,
              Uint8Array.from({ length }, () => Math.floor(random() * 256)),
            )
            for (const session of [pair.client, pair.server]) {
              session.receive(forged, 0)
              expect([session.state, session.takeOutput(), session.takeEvents()]).toEqual(['established', [], []])
            }
          }
        }
        expectAlive(pair)
      }
    },
  )

  it('survives any single changed byte, with every suite', () => {
    for (const suite of suites.filter(({ available, authentication }) => available && authentication !== 'rsa')) {
      const options = { suites: [suite.id], psk: psk(), anchors: [root.der] }
      const pair = established(
        serverContext('dtls', { ...options, identity: identity(ecdsa) }),
        clientContext('dtls', options),
      )
      pair.client.write(text('a message'))
      const [datagram = new Uint8Array()] = pair.client.takeOutput()
      for (let at = 0; at < datagram.length; at++) {
        pair.server.receive(datagram.with(at, (datagram[at] ?? 0) ^ 0x41), 0)
      }
      expect([suite.name, pair.server.state, pair.server.takeOutput(), received(pair.server)]).toEqual([
        suite.name,
        'established',
        [],
        [],
      ])
      pair.server.receive(datagram, 0)
      expect(received(pair.server)).toEqual(['a message'])
    }
  })

  it('delivers what stands before a forged record in a datagram', () => {
    for (const suite of [0xc006, 0xc023, 0xc02b]) {
      const options = { suites: [suite], anchors: [root.der] }
      const pair = established(
        serverContext('dtls', { ...options, identity: identity(ecdsa) }),
        clientContext('dtls', options),
      )
      pair.client.write(text('good'))
      const forged = forge(23, 99, new Uint8Array(10))
      pair.server.receive(Buffer.concat([...pair.client.takeOutput(), forged]), 0)
      expect(received(pair.server)).toEqual(['good'])
      expectAlive(pair)
    }
  })
})
