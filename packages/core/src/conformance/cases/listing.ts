import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases } from '../define.ts'
import { commands, type PacketItem, readPacket, u16, u32 } from '../frames.ts'
import { equalBytes, hexText, type Judge } from '../judge.ts'
import { portEntries } from './port-admin.ts'

const security = { class: 0x5d }

/** The items of ListIdentity, over whatever way answers. */
async function items(bench: Bench, judge: Judge): Promise<readonly PacketItem[]> {
  if (bench.facts.items.length > 0) return bench.facts.items
  return judge.notApplicable('the target answers ListIdentity nowhere')
}

/** An item that this case is about. */
async function item(bench: Bench, judge: Judge, type: number): Promise<Uint8Array> {
  const found = (await items(bench, judge)).find((each) => each.type === type)
  return found?.data ?? judge.notApplicable(`no item 0x${type.toString(16).padStart(4, '0')} in the reply`)
}

/** Item 0x0086 read now: states change while a run goes on. */
async function freshSecurityItem(bench: Bench, judge: Judge): Promise<Uint8Array> {
  const stream = await bench.stream()
  const answer = await stream.ask({ command: commands.listIdentity })
  const found = readPacket(answer.data)?.find(({ type }) => type === 0x0086)
  return found?.data ?? judge.notApplicable('no item 0x0086 in the reply')
}

/** Where the fields behind the socket address begin (1.6). */
const fields = { vendor: 18, type: 20, product: 22, revision: 24, status: 26, serial: 28, name: 32 } as const

/** A field of item 0x000C that the Identity object has too. */
const shared: readonly (readonly [word: string, attribute: number, from: number, length: number | 'text'])[] = [
  ['vendor', 1, fields.vendor, 2],
  ['device type', 2, fields.type, 2],
  ['product code', 3, fields.product, 2],
  ['revision', 4, fields.revision, 2],
  ['serial number', 6, fields.serial, 4],
  ['product name', 7, fields.name, 'text'],
]

/** Ports by their bit in item 0x0086 (1.7). */
const portBits: readonly (readonly [name: string, port: number, protocol: number])[] = [
  ['44818/tcp', 44818, 6],
  ['44818/udp', 44818, 17],
  ['2222/udp', 2222, 17],
  ['2221/tcp', 2221, 6],
  ['2221/udp', 2221, 17],
]

/** ListIdentity and its items (cip-security-wire 1.5 to 1.7). */
export const listingCases: readonly ConformanceCase[] = cases(
  'listing',
  [],
  [
    {
      id: 'identity-first',
      title: 'ListIdentity is answered with the identity item 0x000C, before any other',
      source: '1.7 [W][R]',
      run: async (bench, judge) => {
        const [first] = await items(bench, judge)
        judge.code('first item', 0x000c, first?.type ?? 0xffff, 4)
      },
    },
    {
      id: 'order',
      title: 'the extension items follow in the order 0x0086, 0x0087, 0x0088',
      source: '1.7 [R]',
      run: async (bench, judge) => {
        const extensions = (await items(bench, judge)).map(({ type }) => type).filter((t) => t >= 0x86 && t <= 0x88)
        if (extensions.length < 2) judge.notApplicable('fewer than two extension items')
        const sorted = [...extensions].sort((a, b) => a - b)
        judge.equal('order', sorted.map(String).join(', '), extensions.map(String).join(', '))
      },
    },
    {
      id: 'identity-version',
      title: 'the identity item carries encapsulation protocol version 1',
      source: '1.6 [W][Om]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x000c)
        judge.equal('version', 1, u16(data, 0), data)
      },
    },
    {
      id: 'identity-address-family',
      title: 'its socket address has family 2, big-endian',
      source: '1.6, 1.9 [W][Om]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x000c)
        judge.sameBytes('family', Uint8Array.of(0, 2), data.subarray(2, 4))
      },
    },
    {
      id: 'identity-address-port',
      title: 'its socket address names port 44818, big-endian',
      source: '1.6, 1.9 [W][Om]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x000c)
        judge.sameBytes('port', Uint8Array.of(0xaf, 0x12), data.subarray(4, 6))
      },
    },
    {
      id: 'identity-address-zeros',
      title: 'its socket address ends in eight zero bytes',
      source: '1.9 [W][Om]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x000c)
        judge.sameBytes('padding', new Uint8Array(8), data.subarray(10, 18))
      },
    },
    {
      id: 'identity-length',
      title: 'the identity item ends with the state behind the product name',
      source: '1.6 [W][Om]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x000c)
        judge.equal('length', fields.name + 1 + (data[fields.name] ?? 0) + 1, data.length, data)
      },
    },
    ...shared.map(([word, attribute, from, length]) => ({
      id: `identity-${word.replaceAll(' ', '-')}`,
      title: `its ${word} is that of the Identity object`,
      source: '1.6, 4.10 [W][Om]',
      needs: ['session' as const],
      run: async (bench: Bench, judge: Judge) => {
        const data = await item(bench, judge, 0x000c)
        const end = from + (length === 'text' ? 1 + (data[from] ?? 0) : length)
        judge.sameBytes(word, await bench.value(0x01, 1, attribute), data.subarray(from, end))
      },
    })),
    {
      id: 'security-item-there',
      title: 'a target with the CIP Security object shows item 0x0086',
      source: '1.7 [W][O][R]',
      needs: [security],
      run: async (bench, judge) => {
        const types = (await items(bench, judge)).map(({ type }) => type)
        judge.holds(
          types.includes(0x0086),
          'item 0x0086',
          `items ${types.map((t) => `0x${t.toString(16)}`).join(', ')}`,
        )
      },
    },
    {
      id: 'security-item-length',
      title: 'item 0x0086 is 5 bytes long, or 7 or more in current editions',
      source: '1.7 [W][O][R]',
      run: async (bench, judge) => {
        const { length } = await item(bench, judge, 0x0086)
        judge.holds(length === 5 || length >= 7, '5, or 7 and more bytes', `${length} bytes`)
      },
    },
    {
      id: 'security-item-profiles',
      title: 'its profiles are attribute 2 of 0x5D',
      source: '1.7 [W][O][R]',
      needs: [security],
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0086)
        judge.sameBytes('profiles', await bench.value(0x5d, 1, 2), data.subarray(0, 2))
      },
    },
    {
      id: 'security-item-state-5d',
      title: 'its third byte is the state of 0x5D',
      source: '1.7 [W][O][R]',
      needs: [security],
      run: async (bench, judge) => {
        const data = await freshSecurityItem(bench, judge)
        judge.sameBytes('state', await bench.value(0x5d, 1, 1), data.subarray(2, 3))
      },
    },
    {
      id: 'security-item-state-5e',
      title: 'its fourth byte is the state of 0x5E',
      source: '1.7 [W][O][R]',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const data = await freshSecurityItem(bench, judge)
        judge.sameBytes('state', await bench.value(0x5e, 1, 1), data.subarray(3, 4))
      },
    },
    {
      id: 'security-item-configured',
      title: 'its last word is attribute 3 of 0x5D',
      source: '1.7 [O][R]',
      needs: [security],
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0086)
        if (data.length < 7) judge.notApplicable('an item of an old edition, without configured profiles')
        judge.sameBytes('configured profiles', await bench.value(0x5d, 1, 3), data.subarray(5, 7))
      },
    },
    {
      id: 'security-item-port-bits',
      title: 'bits 5 to 7 of its port byte are zero',
      source: '1.7 [W][O][R]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0086)
        judge.equal('bits 5 to 7', 0, (data[4] ?? 0) & 0xe0, data)
      },
    },
    {
      id: 'security-item-integrity-bit',
      title: 'the obsolete profile bit 0 is zero',
      source: '1.7 [W][H][O]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0086)
        judge.equal('bit 0', 0, (data[0] ?? 0) & 1, data)
      },
    },
    ...portBits.map(([name, port, protocol], bit) => ({
      id: `security-item-port-${name.replace('/', '-')}`,
      title: `bit ${bit} of its port byte is the admin state of ${name} in 0xF5 attribute 14`,
      source: '1.7, 4.8 [W][R]',
      needs: [{ class: 0xf5 }],
      run: async (bench: Bench, judge: Judge) => {
        const data = await freshSecurityItem(bench, judge)
        const entry = portEntries(await bench.value(0xf5, 1, 14)).find(
          (each) => each.port === port && each.protocol === protocol,
        )
        judge.equal(`bit ${bit}`, entry?.open === true ? 1 : 0, ((data[4] ?? 0) >> bit) & 1, data)
      },
    })),
    {
      id: 'capability-length',
      title: 'item 0x0087 is a DWORD',
      source: '1.5 [R]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0087)
        judge.holds(data.length >= 4, 'at least 4 bytes', `${data.length} bytes`, data)
      },
    },
    {
      id: 'capability-tcp',
      title: 'item 0x0087 says unconnected messages over TCP where a session over TCP works',
      source: '1.5 [R]',
      needs: ['session'],
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0087)
        judge.equal('bit 0', 1, u32(data, 0) & 1, data)
      },
    },
    {
      id: 'usage-length',
      title: 'item 0x0088 is a DWORD',
      source: '1.5 [R]',
      run: async (bench, judge) => {
        const data = await item(bench, judge, 0x0088)
        judge.holds(data.length >= 4, 'at least 4 bytes', `${data.length} bytes`, data)
      },
    },
    {
      id: 'udp-same',
      title: 'the identity over UDP is the identity over TCP',
      source: '1.3 [W][Om]',
      needs: ['tcp', 'udp'],
      run: async (bench, judge) => {
        const answer = await (await bench.datagrams()).ask({ command: commands.listIdentity })
        const data = readPacket(answer.data)?.find(({ type }) => type === 0x000c)?.data ?? new Uint8Array(0)
        const overTcp = await item(bench, judge, 0x000c)
        // The state behind the name may change meanwhile.
        const same = equalBytes(data.subarray(0, -1), overTcp.subarray(0, -1))
        judge.holds(same, hexText(overTcp), hexText(data), data)
      },
    },
  ],
)
