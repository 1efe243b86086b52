import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import {
  captureNetwork,
  captureReader,
  linkTypes,
  type PacketNotes,
  type PacketTotals,
  pcapngWriter,
  pcapWriter,
} from '@cordon/core/capture'
import { addressBytes } from '@cordon/core/x509'
import { captureChunks } from '@cordon/node/capture'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)

/** Why the tools of Wireshark cannot judge here. */
async function problem(): Promise<string | undefined> {
  for (const tool of ['tshark', 'editcap', 'mergecap', 'text2pcap', 'capinfos']) {
    try {
      await run(tool, ['--version'])
    } catch {
      return `${tool} is not installed (Debian: apt-get install tshark wireshark-common)`
    }
  }
  return undefined
}
const missing = await problem()

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-tools-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

interface Seen {
  readonly times: readonly string[]
  readonly totals: PacketTotals & PacketNotes
  /** Payloads of each direction, as `tcp 192.0.2.1:40000>…`, in hexadecimal digits. */
  readonly payloads: ReadonlyMap<string, string>
}

async function read(file: string): Promise<Seen> {
  const times: string[] = []
  const payloads = new Map<string, string>()
  const network = captureNetwork({
    stream: ({ client, server }) => ({
      data: (side, bytes) => {
        const [from, to] = side === 'client' ? [client, server] : [server, client]
        const key = `tcp ${from.address}:${from.port}>${to.address}:${to.port}`
        payloads.set(key, (payloads.get(key) ?? '') + Buffer.from(bytes).toString('hex'))
      },
      gap: () => undefined,
      ended: () => undefined,
    }),
    datagrams: ({ client, server }) => ({
      datagram: (side, bytes, start, end) => {
        const [from, to] = side === 'client' ? [client, server] : [server, client]
        const key = `udp ${from.address}:${from.port}>${to.address}:${to.port}`
        payloads.set(key, (payloads.get(key) ?? '') + Buffer.from(bytes.subarray(start, end)).toString('hex'))
      },
      ended: () => undefined,
    }),
  })
  const reader = captureReader({
    packet: (packet) => {
      times.push((packet.timeUs / 1_000_000).toFixed(5))
      network.packet(packet)
    },
  })
  for await (const chunk of captureChunks(file)) reader.push(chunk)
  expect(reader.end()).toMatchObject({ problemCount: 0, lostBytes: 0 })
  return { times, totals: network.end(), payloads }
}

/** Counts and payloads as tshark sees them. */
async function judged(file: string): Promise<Omit<Seen, 'totals'>> {
  const fields = ['frame.time_epoch', 'ip.src', 'ip.dst', 'udp.srcport', 'udp.dstport', 'udp.payload']
  const tcpFields = ['tcp.srcport', 'tcp.dstport', 'tcp.payload']
  const { stdout } = await run('tshark', [
    ...['-r', file, '-T', 'fields', '-E', 'separator=|'],
    ...[...fields, ...tcpFields].flatMap((name) => ['-e', name]),
  ])
  const times: string[] = []
  const payloads = new Map<string, string>()
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const [time = '', source, destination, us, ud, udp, ts, td, tcp] = line.split('|')
    times.push(Number(time).toFixed(5))
    const payload = udp || tcp
    if (payload === undefined || payload === '') continue
    const key = `${us ? 'udp' : 'tcp'} ${source}:${us || ts}>${destination}:${ud || td}`
    payloads.set(key, (payloads.get(key) ?? '') + payload)
  }
  return { times, payloads }
}

function ipv4(protocol: number, payload: Uint8Array): Uint8Array {
  const header = Uint8Array.of(
    0x45,
    0,
    (payload.length + 20) >> 8,
    (payload.length + 20) & 255,
    0,
    0,
    0,
    0,
    64,
    protocol,
    0,
    0,
  )
  return Buffer.concat([header, addressBytes('192.0.2.1'), addressBytes('192.0.2.2'), payload])
}

/** Frames that are no IP. */
const isOther = (i: number): boolean => i % 20 === 19

/** Some datagrams, segments of three connections and others over Ethernet. */
const frames: readonly Uint8Array[] = Array.from({ length: 60 }, (_, i) => {
  const data = Buffer.alloc(20 + i, i)
  const ports = Buffer.from([0x9c, 0x40 + (i % 3), 0xc3, 0x50])
  const udp = Buffer.concat([ports, Buffer.from([0, data.length + 8, 0, 0]), data])
  const before = [...Array(i).keys()].filter((k) => k % 2 === 1 && k % 3 === i % 3 && !isOther(k))
  const tcp = Buffer.concat([ports, Buffer.alloc(16), data])
  tcp.writeUInt32BE(
    before.reduce((sum, k) => sum + 20 + k, 1000),
    4,
  )
  tcp[12] = 0x50
  tcp[13] = 0x10
  const ip = i % 2 === 0 ? ipv4(17, udp) : ipv4(6, tcp)
  const ethernet = Buffer.concat([Buffer.alloc(12, 2), Buffer.from(isOther(i) ? [0x08, 0x06] : [0x08, 0x00])])
  return Buffer.concat([ethernet, isOther(i) ? Buffer.alloc(28) : ip])
})

describe.skipIf(missing !== undefined)(
  `Wireshark's tools as judges${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let plain = ''
    beforeAll(async () => {
      plain = join(directory, 'plain.pcap')
      const writer = pcapWriter({ linkType: linkTypes.ethernet })
      const packets = frames.map((data, i) => writer.packet({ timeUs: 1_700_000_000_000_000 + i * 1010, data }))
      await writeFile(plain, Buffer.concat([writer.header(), ...packets]))
    })

    it.each([
      ['nsecpcap', '.pcap'],
      ['modpcap', '.pcap'],
      ['pcapng', '.pcapng'],
    ])('see the same packets and bytes in a file converted to %s', async (format, end) => {
      const file = join(directory, format + end)
      await run('editcap', ['-F', format, plain, file])
      const seen = await read(file)
      const expected = await judged(file)
      expect(seen.times).toEqual(expected.times)
      expect([...seen.payloads].sort()).toEqual([...expected.payloads].sort())
      expect(seen.totals).toMatchObject({ packets: 60, udp: 30, notIp: new Map([[0x806, { count: 3, example: 20 }]]) })
    })

    it('see the same in a pcapng file of ours, with nanoseconds and two interfaces', async () => {
      const writer = pcapngWriter({
        interfaces: [{ linkType: linkTypes.ethernet, name: 'left' }, { linkType: linkTypes.raw }],
        nanoseconds: true,
        keyLog: 'CLIENT_RANDOM 00 11\n',
      })
      const packets = frames.map((data, i) => {
        const isRaw = i % 2 === 1 && !isOther(i)
        return writer.packet({
          timeUs: 1_700_000_000_000_000 + i * 10.5,
          data: isRaw ? data.subarray(14) : data,
          interface: isRaw ? 1 : 0,
        })
      })
      const file = join(directory, 'ours.pcapng')
      await writeFile(file, Buffer.concat([writer.header(), ...packets]))
      const { stdout } = await run('capinfos', ['-M', '-c', file])
      expect(stdout).toMatch(/Number of packets:\s+60\b/)
      const seen = await read(file)
      const expected = await judged(file)
      expect(seen.times).toEqual(expected.times)
      expect([...seen.payloads].sort()).toEqual([...expected.payloads].sort())
    })

    it('count as many packets in merged, compressed, snapped and text-made files', async () => {
      const converted = join(directory, 'converted.pcapng')
      const packed = join(directory, 'converted.pcapng.gz')
      const merged = join(directory, 'merged.pcapng')
      const snapped = join(directory, 'snapped.pcap')
      const typed = join(directory, 'typed.pcapng')
      await run('editcap', ['-F', 'pcapng', plain, converted])
      await writeFile(packed, gzipSync(await readFile(converted)))
      await run('mergecap', ['-w', merged, plain, packed])
      await run('editcap', ['-F', 'pcap', '-s', '50', plain, snapped])
      const text = join(directory, 'dump.txt')
      await writeFile(text, '000000 68 65 6c 6c 6f\n\n000000 77 6f\n')
      await run('text2pcap', ['-q', '-u', '5000,44818', text, typed])
      for (const file of [converted, packed, merged, snapped, typed]) {
        const { stdout } = await run('capinfos', ['-M', '-c', file])
        const count = Number(/Number of packets:\s+(\d+)/.exec(stdout)?.[1])
        expect(count).toBeGreaterThan(1)
        expect((await read(file)).totals.packets).toBe(count)
      }
      expect((await read(snapped)).totals).toMatchObject({ udp: 30, snapped: 30, headersSnapped: 27 })
      expect([...(await read(typed)).payloads.values()]).toEqual([Buffer.from('hellowo').toString('hex')])
    })
  },
)
