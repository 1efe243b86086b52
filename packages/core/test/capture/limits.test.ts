import { nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, test } from 'vitest'
import { ConnectionTable } from '../../src/capture/cip/connection-table.ts'
import { CertificateReader } from '../../src/capture/tls/certificates.ts'
import { CaptureSecrets } from '../../src/capture/tls/secrets.ts'
import { Watched } from '../../src/capture/watched.ts'
import { Told } from './cip/made.ts'
import { inSeconds, newAnalysis, packetAt, reportOf, secretsBlock } from './made-analysis.ts'
import { ascii, big, concat, ethernet, udpFrame } from './packets.ts'
import { counted, message, tlsRecord } from './tls/messages.ts'

const frame = udpFrame('192.0.2.1', 5000, '192.0.2.2', 9999, ascii('hello'))
const clientRandom = (number: number) => `CLIENT_RANDOM ${number.toString(16).padStart(64, '0')} ${'5c'.repeat(48)}`

describe('a capture of any content', () => {
  test('may have packets whose time is no date: they are read and counted', () => {
    const report = reportOf(
      inSeconds,
      packetAt(3_000_000, 0, frame),
      packetAt(0, 1000, frame),
      packetAt(0, 1002, frame),
    )
    expect([report.firstUs, report.lastUs, report.packets.udp]).toEqual([1_000_000_000, 1_002_000_000, 3])
    const what = 'packets whose time is no date: they do not count for when the capture was made'
    expect(report.notRead).toContainEqual({ what, count: 1, examplePacket: 1 })
  })

  test('has every packet in some row, however many kinds there are', () => {
    const kinds = 300
    const packets = Array.from({ length: kinds }, (_, i) => packetAt(0, i, ethernet(0xa000 + i, ascii('?'))))
    const { notRead } = reportOf(inSeconds, ...packets)
    expect(notRead.reduce((sum, { count }) => sum + count, 0)).toBe(kinds)
    expect(notRead).toContainEqual({ what: 'packets that are not IP (others)', count: kinds - 256, examplePacket: 257 })
  })
})

describe('key logs of several sources', () => {
  test('need no line end, and are not glued together', () => {
    const analysis = newAnalysis()
    analysis.keyLog(clientRandom(1).slice(0, 20))
    analysis.keyLog(clientRandom(1).slice(20))
    analysis.beginFile('a.pcapng')
    analysis.push(concat(inSeconds, secretsBlock(clientRandom(2)), secretsBlock(clientRandom(3))))
    analysis.endFile()
    analysis.keyLog(clientRandom(4))
    expect(analysis.end().keyLogSecrets).toBe(4)
  })
})

describe('what is kept of a conversation', () => {
  test('is the names of some commands: the rest is counted together', () => {
    const told = new Told({ transport: 'udp' })
    for (let command = 0x1000; command < 0x1100; command++) {
      told.send('client', concat(Uint8Array.of(command & 0xff, command >> 8), new Uint8Array(22)))
    }
    const { commands } = told.reader.report()
    expect([Object.keys(commands).length, commands['other commands']]).toEqual([65, 256 - 64])
  })

  test('is steps up to a number of characters in the whole capture', () => {
    const suites = concat(...Array.from({ length: 8000 }, (_, i) => big(i, 2)))
    const hello = tlsRecord(22, message(1, [3, 3], new Uint8Array(32), [0], counted(2, suites), [1, 0]))
    const budget = { steps: 1000, characters: 1_000_000 }
    const end = { packets: 0, bytes: 0, snapped: 0, stream: undefined }
    const steps = Array.from({ length: 10 }, (_, id) => {
      const client = { address: '192.0.2.1', port: 50_000 + id }
      const conversation = {
        id,
        transport: 'tcp',
        client,
        server: { address: '192.0.2.2', port: 2221 },
        begun: true,
      } as const
      const watched = new Watched(conversation, {
        connections: new ConnectionTable(),
        tls: {
          secrets: new CaptureSecrets(nodeRecordCrypto),
          certificates: new CertificateReader({ crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [] }),
        },
        row: undefined,
        budget,
      })
      watched.data('client', hello, { packet: 1, timeUs: 0 })
      const times = { firstPacket: 1, firstUs: 0, lastUs: 0, client: end, server: end }
      return watched.report({ conversation, ended: 'end-of-capture', ...times })
    })
    const kept = steps.filter((report) => report.steps.length === 1)
    expect(kept.length).toBeGreaterThan(0)
    expect(JSON.stringify(kept.flatMap((report) => report.steps)).length).toBeLessThan(1_000_000)
    expect(steps.reduce((sum, { moreSteps }) => sum + moreSteps, 0)).toBe(10 - kept.length)
  })
})
