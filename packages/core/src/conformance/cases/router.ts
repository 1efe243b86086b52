import type { Bench } from '../bench.ts'
import { replyIn } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, extended, refused, status } from '../define.ts'
import { cipRequest, concat, epath, le16, readReply, u16, unconnected } from '../frames.ts'
import { equalBytes, hexText, type Judge } from '../judge.ts'

const getVendor = cipRequest(0x0e, epath(0x01, 1, 1))
const getName = cipRequest(0x0e, epath(0x01, 1, 7))
const getNothing = cipRequest(0x0e, epath(0x01, 1, 250))

/** A Multiple_Service_Packet (2.5). */
function multiple(...messages: readonly Uint8Array[]): Uint8Array {
  let at = 2 + messages.length * 2
  const offsets = messages.map((message) => {
    const offset = le16(at)
    at += message.length
    return offset
  })
  return concat(le16(messages.length), ...offsets, ...messages)
}

/** The replies in a Multiple_Service_Packet reply. */
function embedded(data: Uint8Array): Uint8Array[] {
  const count = u16(data, 0)
  return Array.from({ length: Math.min(count, 16) }, (_, i) => {
    const end = i + 1 < count ? u16(data, 4 + i * 2) : data.length
    return data.slice(u16(data, 2 + i * 2), end)
  })
}

const messageRouter = epath(0x02, 1)

async function raw(bench: Bench, bytes: Uint8Array): ReturnType<Bench['cip']> {
  return replyIn(await (await bench.session()).rr(unconnected(bytes)))
}

/** A path of another form than the 8-bit one must mean the same. */
function sameAs(form: Uint8Array): (bench: Bench, judge: Judge) => Promise<void> {
  return async (bench, judge) => {
    const [usual, other] = [await bench.cip(0x0e, epath(0x01, 1, 7)), await bench.cip(0x0e, form)]
    status(judge, other, 0)
    judge.sameBytes('value', usual.data, other.data)
  }
}

/** Message Router, paths and general status (cip-security-wire 2.1 to 2.5). */
export const routerCases: readonly ConformanceCase[] = cases(
  'router',
  ['session'],
  [
    {
      id: 'reply-service',
      title: 'a reply carries the service of its request with bit 7 set',
      source: '2.1 [W][Om]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x0e, epath(0x01, 1, 7))
        judge.code('service', 0x8e, reply.service, 2, reply.raw)
      },
    },
    {
      id: 'reply-service-refused',
      title: 'so does a reply that refuses',
      source: '2.1 [W][Om]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x0e, epath(0x01, 1, 250))
        judge.code('service', 0x8e, reply.service, 2, reply.raw)
        refused(judge, reply)
      },
    },
    {
      id: 'reply-reserved',
      title: 'the second byte of a reply is zero',
      source: '2.1 [W][Om]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x0e, epath(0x01, 1, 7))
        judge.code('reserved byte', 0, reply.reserved, 2, reply.raw)
      },
    },
    {
      id: 'unknown-class',
      title: 'an unknown class gets path destination unknown (0x05) or object does not exist (0x16)',
      source: '2.3 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x0e, epath(0x4fe, 1, 1)), [0x05, 0x16]),
    },
    {
      id: 'unknown-instance',
      title: 'an unknown instance gets path destination unknown (0x05) or object does not exist (0x16)',
      source: '2.3 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x0e, epath(0x01, 0xfff0, 1)), [0x05, 0x16]),
    },
    {
      id: 'unknown-attribute',
      title: 'an unknown attribute gets attribute not supported (0x14)',
      source: '2.3 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x0e, epath(0x01, 1, 250)), 0x14),
    },
    {
      id: 'unknown-class-attribute',
      title: 'an unknown class attribute gets attribute not supported (0x14)',
      source: '2.3 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x0e, epath(0x01, 0, 250)), 0x14),
    },
    {
      id: 'unknown-service',
      title: 'an unknown service of an instance gets service not supported (0x08)',
      source: '2.3 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x31, epath(0x01, 1)), 0x08),
    },
    {
      id: 'unknown-class-service',
      title: 'an unknown service of a class gets service not supported (0x08)',
      source: '2.3 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x31, epath(0x01, 0)), 0x08),
    },
    {
      id: 'error-response-service',
      title: 'service 0x14, which only DeviceNet has, gets service not supported (0x08)',
      source: '2.4 [Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x14, epath(0x01, 1)), 0x08),
    },
    {
      id: 'service-bit-7',
      title: 'a request with bit 7 of its service set is not served',
      source: '2.1 [W][Om]',
      run: async (bench, judge) => {
        const stream = await bench.session()
        const answer = await stream.rr(unconnected(concat(Uint8Array.of(0x8e, 3), epath(0x01, 1, 7))))
        if (answer.status !== 0) judge.holds(true, 'a refusal', `encapsulation status ${answer.status}`)
        else refused(judge, replyIn(answer))
      },
    },
    {
      id: 'no-attribute',
      title: 'Get_Attribute_Single without an attribute in its path is refused',
      source: '2.4 [Om]',
      run: async (bench, judge) => refused(judge, await bench.cip(0x0e, epath(0x01, 1))),
    },
    {
      id: 'no-path',
      title: 'a request without a path is refused',
      source: '2.1, 2.3 [W][Om]',
      run: async (bench, judge) => refused(judge, await raw(bench, Uint8Array.of(0x0e, 0))),
    },
    {
      id: 'path-beyond',
      title: 'a path longer than its request is refused',
      source: '2.1, 2.3 [W][Om]',
      run: async (bench, judge) => refused(judge, await raw(bench, concat(Uint8Array.of(0x0e, 20), epath(0x01, 1, 7)))),
    },
    {
      id: 'path-truncated',
      title: 'a path that ends in the middle of a segment is refused',
      source: '2.2, vector 32 of 8.1 [E]',
      run: async (bench, judge) => refused(judge, await raw(bench, Uint8Array.of(0x0e, 2, 0x21, 0x00, 0x01, 0x00))),
    },
    {
      id: 'path-segment-type',
      title: 'a path with 0xF4, which is no segment type, is refused',
      source: '2.2, vector 33 of 8.1 [E]',
      run: async (bench, judge) =>
        refused(judge, await raw(bench, Uint8Array.of(0x0e, 3, 0x21, 0x00, 0x01, 0x00, 0xf4, 0x02))),
    },
    {
      id: 'path-16-bit',
      title: 'class, instance and attribute may be 16 bits wide',
      source: '2.2, vector 30 of 8.1 [W][E]',
      run: sameAs(Uint8Array.of(0x21, 0, 1, 0, 0x25, 0, 1, 0, 0x31, 0, 7, 0)),
    },
    {
      id: 'path-mixed',
      title: 'a path may mix 8-bit and 16-bit segments',
      source: '2.2, vector 31 of 8.1 [W][E]',
      run: sameAs(Uint8Array.of(0x21, 0, 1, 0, 0x24, 1, 0x31, 0, 7, 0)),
    },
    {
      id: 'empty-message',
      title: 'an empty message gets no success',
      source: '2.1 [W][Om]',
      run: async (bench, judge) => {
        const answer = await (await bench.session()).rr(unconnected(new Uint8Array(0)))
        if (answer.status !== 0) judge.holds(true, 'a refusal', `encapsulation status ${answer.status}`)
        else refused(judge, replyIn(answer))
      },
    },
    {
      id: 'get-with-data',
      title: 'Get_Attributes_All with data behind it gets too much data (0x15), or ignores it',
      source: '2.3, 2.4 [Wh][Om]',
      run: async (bench, judge) => status(judge, await bench.cip(0x01, epath(0x01, 1), le16(0)), [0x00, 0x15]),
    },
    {
      id: 'get-all',
      title: 'Get_Attributes_All of Identity begins with attributes 1 to 7, as they are read alone',
      source: '2.4, 4.10, vector 15 of 8.1 [W][R]',
      run: async (bench, judge) => {
        const all = await bench.cip(0x01, epath(0x01, 1))
        status(judge, all, 0)
        // The status word may change between two reads.
        const parts: Uint8Array[] = []
        for (const attribute of [1, 2, 3, 4]) parts.push(await bench.value(0x01, 1, attribute))
        const first = concat(...parts)
        judge.sameBytes('attributes 1 to 4', first, all.data.subarray(0, first.length))
        const rest = concat(await bench.value(0x01, 1, 6), await bench.value(0x01, 1, 7))
        judge.sameBytes('attributes 6 and 7', rest, all.data.subarray(first.length + 2, first.length + 2 + rest.length))
      },
    },
    {
      id: 'get-list',
      title: 'Get_Attribute_List gives number, status and value of each attribute',
      source: '2.4 [Om][Wh]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x03, epath(0x01, 1), concat(le16(2), le16(1), le16(2)))
        if (reply.status === 0x08) judge.notApplicable('no Get_Attribute_List')
        status(judge, reply, 0)
        const wanted = concat(
          le16(2),
          concat(le16(1), le16(0), await bench.value(0x01, 1, 1)),
          concat(le16(2), le16(0), await bench.value(0x01, 1, 2)),
        )
        judge.sameBytes('list', wanted, reply.data)
      },
    },
    {
      id: 'get-list-unknown',
      title: 'Get_Attribute_List with an unknown attribute gets attribute list error (0x0A), the others with it',
      source: '2.3, 2.4 [Om][Wh]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x03, epath(0x01, 1), concat(le16(2), le16(250), le16(1)))
        if (reply.status === 0x08) judge.notApplicable('no Get_Attribute_List')
        status(judge, reply, 0x0a)
        judge.equal('entries', 2, u16(reply.data, 0), reply.raw)
        judge.code('status of attribute 250', 0x14, u16(reply.data, 4), 4, reply.raw)
      },
    },
    {
      id: 'get-list-short',
      title: 'Get_Attribute_List with fewer numbers than its count gets not enough data (0x13)',
      source: '2.3, 2.4 [Om][Wh]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x03, epath(0x01, 1), concat(le16(5), le16(1)))
        if (reply.status === 0x08) judge.notApplicable('no Get_Attribute_List')
        status(judge, reply, 0x13)
      },
    },
    {
      id: 'multiple',
      title: 'Multiple_Service_Packet answers each request in order',
      source: '2.5 [W][C]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x0a, messageRouter, multiple(getVendor, getName))
        if (reply.status === 0x08) judge.notApplicable('no Multiple_Service_Packet')
        status(judge, reply, 0)
        const [vendor, name] = embedded(reply.data)
        judge.sameBytes('first', await bench.value(0x01, 1, 1), readReply(vendor ?? reply.data)?.data ?? reply.data)
        judge.sameBytes('second', await bench.value(0x01, 1, 7), readReply(name ?? reply.data)?.data ?? reply.data)
      },
    },
    {
      id: 'multiple-failure',
      title: 'a failure inside Multiple_Service_Packet gets embedded service error (0x1E), the other replies with it',
      source: '2.5 [W][C]',
      run: async (bench, judge) => {
        const reply = await bench.cip(0x0a, messageRouter, multiple(getNothing, getName))
        if (reply.status === 0x08) judge.notApplicable('no Multiple_Service_Packet')
        status(judge, reply, 0x1e)
        const [first, second] = embedded(reply.data).map(readReply)
        judge.code('status of the first', 0x14, first?.status ?? 0xff, 2, reply.raw)
        judge.code('status of the second', 0x00, second?.status ?? 0xff, 2, reply.raw)
      },
    },
    {
      id: 'multiple-nested',
      title: 'a Multiple_Service_Packet inside another is refused with 0x08',
      source: '2.5 [W][C]',
      run: async (bench, judge) => {
        const inner = cipRequest(0x0a, messageRouter, multiple(getName))
        const reply = await bench.cip(0x0a, messageRouter, multiple(inner, getName))
        if (reply.status === 0x08) judge.notApplicable('no Multiple_Service_Packet')
        const [first] = embedded(reply.data).map(readReply)
        judge.code('status of the nested packet', 0x08, first?.status ?? 0xff, 2, reply.raw)
      },
    },
    {
      id: 'multiple-offset',
      title: 'a Multiple_Service_Packet with an offset beyond its end is not served',
      source: '2.5 [W][C]',
      run: async (bench, judge) => {
        const bad = concat(le16(1), le16(400), getName)
        const reply = await bench.cip(0x0a, messageRouter, bad)
        if (reply.status === 0x08) judge.notApplicable('no Multiple_Service_Packet')
        refused(judge, reply)
      },
    },
    {
      id: 'unconnected-send-port',
      title:
        'Unconnected_Send through a port that is not there gets 0x01 with port not available (0x0311) or 0x0312, 0x0315',
      source: '3.6, 3.7 [W][Om]',
      run: async (bench, judge) => {
        const data = concat(Uint8Array.of(5, 100), le16(getName.length), getName, Uint8Array.of(1, 0, 0x0e, 0x63))
        const reply = await bench.cip(0x52, epath(0x06, 1), data)
        if (reply.status === 0x08) judge.notApplicable('no Unconnected_Send')
        extended(judge, reply, [0x0311, 0x0312, 0x0315])
      },
    },
    {
      id: 'unconnected-send-length',
      title: 'Unconnected_Send with a message longer than it holds is refused',
      source: '3.6 [W][Om]',
      run: async (bench, judge) => {
        const data = concat(Uint8Array.of(5, 100), le16(400), getName, Uint8Array.of(1, 0, 1, 0))
        const reply = await bench.cip(0x52, epath(0x06, 1), data)
        refused(judge, reply)
      },
    },
    {
      id: 'same-answer',
      title: 'two sessions read the same identity',
      source: '4.10 [W][R]',
      run: async (bench, judge) => {
        const own = await bench.value(0x01, 1, 6)
        const other = replyIn(await (await bench.session()).rr(unconnected(cipRequest(0x0e, epath(0x01, 1, 6)))))
        judge.holds(equalBytes(own, other.data), hexText(own), hexText(other.data), other.raw)
      },
    },
  ],
)
