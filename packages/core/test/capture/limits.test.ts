import { describe, expect, test } from 'vitest'
import { inSeconds, newAnalysis, packetAt, reportOf, secretsBlock } from './made-analysis.ts'
import { ascii, concat, ethernet, udpFrame } from './packets.ts'

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
