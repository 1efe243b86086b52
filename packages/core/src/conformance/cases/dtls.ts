import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, status } from '../define.ts'
import { cipRequest, commands, concat, epath, frame, le16, readReply } from '../frames.ts'
import { dtlsClientHello, type Flight, flightAfter, hello, type HelloFields, isRefusal, versions } from '../hello.ts'
import { equalBytes, hexText, type Judge } from '../judge.ts'
import type { Line } from '../port.ts'
import { dtlsMessages, readDtlsReply, unconnectedDtls } from './dtls-messages.ts'
import { mustAccept, mustRefuse, usualOffer } from './tls.ts'

const askName = cipRequest(0x0e, epath(0x01, 1, 7))

/** A hello without cookie and the HelloVerifyRequest that answers it. */
async function verifyRequest(
  bench: Bench,
  judge: Judge,
): Promise<{
  readonly line: Line
  readonly fields: HelloFields
  readonly verify: NonNullable<Flight['verify']>
  readonly sent: number
}> {
  const line = await bench.line({ carrier: 'udp', port: 2221 })
  const fields: HelloFields = { ...(await usualOffer(bench)), random: bench.port.random(32) }
  const bytes = dtlsClientHello(fields)
  let flight = await flightAfter(line, 'dtls', [bytes], bench.patienceMs / 2, () => bench.port.now())
  if (flight.outcome === 'silence') {
    flight = await flightAfter(line, 'dtls', [bytes], bench.patienceMs / 2, () => bench.port.now())
  }
  if (flight.outcome === 'silence') judge.inconclusive('no answer to the ClientHello')
  judge.equal('answer to a ClientHello without cookie', 'verify', flight.outcome, flight.bytes)
  const { verify } = flight
  if (verify === undefined) return judge.inconclusive('no cookie')
  return { line, fields, verify, sent: bytes.length }
}

/** What a datagram of encapsulation or nonsense gets on 2221/udp: nothing, or an alert. */
async function unanswered(bench: Bench, judge: Judge, what: string, bytes: Uint8Array): Promise<void> {
  const line = await bench.line({ carrier: 'udp', port: 2221 })
  line.send(bytes)
  const arrival = await line.receive(bench.quietMs)
  const answered = arrival.kind === 'bytes' && arrival.bytes[0] !== 21
  judge.holds(!answered, `${what} is not answered`, arrival.kind === 'bytes' ? hexText(arrival.bytes, 8) : arrival.kind)
}

/** DTLS on 2221/udp (cip-security-wire 1.8, 1.10, 5.1; RFC 6347). */
export const dtlsCases: readonly ConformanceCase[] = [
  ...cases(
    'dtls',
    ['dtls'],
    [
      {
        id: 'version-1-0',
        title: 'DTLS 1.0 is refused',
        source: '5.1 [G17][OI 228]',
        run: (bench, judge) =>
          mustRefuse(bench, judge, 'dtls', {
            version: versions.dtls10,
            suites: [0xc009, 0xc00a, 0xc006, 0xc013, 0xc014, 0x002f, 0x0035],
          }),
      },
      {
        id: 'version-1-2',
        title: 'DTLS 1.2 is accepted',
        source: '5.1 [G17][OI 228]',
        run: async (bench, judge) => {
          const flight = await mustAccept(bench, judge, 'dtls', await usualOffer(bench))
          judge.code('version', versions.dtls12, flight.serverHello?.version ?? 0, 4, flight.bytes)
        },
      },
      {
        id: 'cookie',
        title: 'a ClientHello without cookie gets a HelloVerifyRequest with one, and nothing else',
        source: '5.1 [CPwE]; RFC 6347 4.2.1',
        run: async (bench, judge) => {
          const { verify } = await verifyRequest(bench, judge)
          judge.holds(verify.cookie.length > 0, 'a cookie', `${verify.cookie.length} bytes`)
        },
      },
      {
        id: 'cookie-size',
        title: 'a HelloVerifyRequest is no longer than the ClientHello: nobody is made to flood another',
        source: '5.1 [CPwE]; RFC 6347 4.2.1',
        run: async (bench, judge) => {
          const { verify, sent } = await verifyRequest(bench, judge)
          judge.holds(verify.datagramLength <= sent, `at most ${sent} bytes`, `${verify.datagramLength} bytes`)
        },
      },
      {
        id: 'cookie-repeated',
        title: 'the same ClientHello once more gets the same cookie, or one that is as good',
        source: '5.1 [CPwE]; RFC 6347 4.2.1',
        run: async (bench, judge) => {
          const { line, fields } = await verifyRequest(bench, judge)
          const now = (): number => bench.port.now()
          const again = await flightAfter(line, 'dtls', [dtlsClientHello(fields)], bench.patienceMs, now)
          judge.equal('answer', 'verify', again.outcome, again.bytes)
          const cookie = again.verify?.cookie ?? new Uint8Array(0)
          const flight = await flightAfter(
            line,
            'dtls',
            [dtlsClientHello({ ...fields, cookie })],
            bench.patienceMs,
            now,
          )
          judge.equal('answer to the cookie', 'hello', flight.outcome, flight.bytes)
        },
      },
      {
        id: 'cookie-wrong',
        title: 'a wrong cookie begins no handshake',
        source: '5.1 [CPwE]; RFC 6347 4.2.1',
        run: async (bench, judge) => {
          const { line, fields, verify } = await verifyRequest(bench, judge)
          const cookie = verify.cookie.map((each) => each ^ 0x5a)
          const flight = await flightAfter(
            line,
            'dtls',
            [dtlsClientHello({ ...fields, cookie })],
            bench.quietMs * 2,
            () => bench.port.now(),
          )
          judge.holds(flight.outcome !== 'hello', 'no ServerHello', flight.reason, flight.bytes)
        },
      },
      {
        id: 'cookie-other-peer',
        title: 'a cookie is worth nothing from another port',
        source: '5.1 [CPwE]; RFC 6347 4.2.1',
        run: async (bench, judge) => {
          const { fields, verify } = await verifyRequest(bench, judge)
          const other = await bench.line({ carrier: 'udp', port: 2221 })
          const bytes = dtlsClientHello({ ...fields, cookie: verify.cookie })
          const flight = await flightAfter(other, 'dtls', [bytes], bench.quietMs * 2, () => bench.port.now())
          judge.holds(flight.outcome !== 'hello', 'no ServerHello', flight.reason, flight.bytes)
        },
      },
      {
        id: 'retransmission',
        title: 'a flight that is not answered is sent again',
        source: '5.1; RFC 6347 4.2.4',
        slowMs: 3500,
        run: async (bench, judge) => {
          const { line, fields, verify } = await verifyRequest(bench, judge)
          const bytes = dtlsClientHello({ ...fields, cookie: verify.cookie })
          const first = await flightAfter(line, 'dtls', [bytes], bench.patienceMs, () => bench.port.now())
          judge.equal('answer to the cookie', 'hello', first.outcome, first.bytes)
          const again = await flightAfter(line, 'dtls', [], 3500, () => bench.port.now())
          judge.equal('what comes while we are silent:', 'hello', again.outcome, again.bytes)
        },
      },
      {
        id: 'datagram-size',
        title: 'no datagram of the handshake is longer than a packet of Ethernet holds (1472 bytes)',
        source: '5.1; RFC 6347 4.1.1',
        run: async (bench, judge) => {
          const flight = await mustAccept(bench, judge, 'dtls', await usualOffer(bench))
          const longest = Math.max(0, ...flight.datagrams)
          judge.holds(longest > 0 && longest <= 1472, 'at most 1472 bytes', `${longest} bytes`)
        },
      },
      {
        id: 'compression',
        title: 'compression is never chosen',
        source: '5.1; RFC 5246 7.4.1.3',
        run: async (bench, judge) => {
          const flight = await mustAccept(bench, judge, 'dtls', { ...(await usualOffer(bench)), compressions: [1, 0] })
          judge.equal('compression', 0, flight.serverHello?.compression ?? -1, flight.bytes)
        },
      },
      {
        id: 'renegotiation-info',
        title: 'the ServerHello carries renegotiation_info',
        source: '5.1; RFC 5746 3.6',
        run: async (bench, judge) => {
          const flight = await mustAccept(bench, judge, 'dtls', await usualOffer(bench))
          const found = flight.serverHello?.extensions.get(0xff01)
          judge.holds(
            found !== undefined,
            'extension 0xFF01',
            found === undefined ? 'none' : 'extension 0xFF01',
            flight.bytes,
          )
        },
      },
      {
        id: 'session-id-invented',
        title: 'a session id that the target never gave is not taken up',
        source: '5.1; RFC 5246 7.4.1.3',
        run: async (bench, judge) => {
          const sessionId = bench.port.random(32)
          const flight = await mustAccept(bench, judge, 'dtls', { ...(await usualOffer(bench)), sessionId })
          const echoed = flight.serverHello?.sessionId ?? new Uint8Array(0)
          judge.holds(!equalBytes(echoed, sessionId), 'another session id', hexText(echoed), flight.bytes)
        },
      },
      {
        id: 'no-common-suite',
        title: 'a hello without a suite of the target is refused',
        source: '5.2; RFC 5246 7.4.1.3',
        run: async (bench, judge) => {
          const flight = await hello(bench, 'dtls', { suites: [0x0005, 0x000a] })
          if (flight.outcome === 'silence' && !isRefusal(flight)) judge.inconclusive('no answer')
          judge.holds(isRefusal(flight), 'a refusal', flight.reason, flight.bytes)
        },
      },
      {
        id: 'same-certificate',
        title: 'DTLS shows the certificate that TLS shows',
        source: '4.2 attribute 6, 5.4 [CPwE]',
        needs: ['tls'],
        run: async (bench, judge) => {
          const offer = await usualOffer(bench)
          const [overTls] = (await mustAccept(bench, judge, 'tls', offer)).certificates
          const [overDtls] = (await mustAccept(bench, judge, 'dtls', offer)).certificates
          if (overTls === undefined || overDtls === undefined) judge.notApplicable('no certificate was shown')
          else judge.sameBytes('certificate', overTls, overDtls)
        },
      },
      {
        id: 'plain-on-2221',
        title: 'encapsulation in plain on 2221/udp is not answered',
        source: '1.1, 1.10 [W]',
        run: (bench, judge) =>
          unanswered(bench, judge, 'a plain ListIdentity', frame({ command: commands.listIdentity })),
      },
      {
        id: 'message-in-plain',
        title: 'an unconnected message in plain on 2221/udp is not answered',
        source: '1.8, 1.10 [W][R]',
        run: (bench, judge) => unanswered(bench, judge, 'item 0x8003 in plain', unconnectedDtls(7, askName)),
      },
      {
        id: 'random-bytes',
        title: 'bytes that are no DTLS are not answered, and bring nobody down',
        source: '1.1; RFC 6347 4.1.2.7',
        run: async (bench, judge) => {
          await unanswered(bench, judge, 'nonsense', concat(Uint8Array.of(0xee), bench.port.random(100)))
          await mustAccept(bench, judge, 'dtls', await usualOffer(bench))
        },
      },
    ],
  ),
  ...cases(
    'dtls',
    ['dtls', 'secure-session'],
    [
      {
        id: 'message',
        title: 'an unconnected message in item 0x8003 is answered in item 0x8003, without encapsulation header',
        source: '1.8, example in 8.2 [W][R]',
        run: async (bench, judge) => {
          const messages = dtlsMessages(bench, await bench.line({ carrier: 'dtls', as: 'own' }))
          const found = await messages.exchange(askName)
          const reply = readReply(found.message)
          judge.code('general status', 0, reply?.status ?? 0xff, 2, found.raw)
          judge.sameBytes('value', await bench.value(0x01, 1, 7), reply?.data ?? new Uint8Array(0))
        },
      },
      {
        id: 'message-type',
        title: 'its reply is of message type 1 with bit 15 set, and status 0',
        source: '1.8, example in 8.2 [W][R]',
        run: async (bench, judge) => {
          const found = await dtlsMessages(bench, await bench.line({ carrier: 'dtls', as: 'own' })).exchange(askName)
          judge.code('message type', 0x8001, found.type, 4, found.raw)
          judge.code('status', 0, found.status, 4, found.raw)
        },
      },
      {
        id: 'message-transaction',
        title: 'its reply repeats the transaction number',
        source: '1.8 [W][R]',
        run: async (bench, judge) => {
          const line = await bench.line({ carrier: 'dtls', as: 'own' })
          line.send(unconnectedDtls(0xdeadbeef, askName))
          const arrival = await line.receive(bench.patienceMs)
          if (arrival.kind !== 'bytes') return judge.inconclusive('no answer')
          judge.equal('transaction', 0xdeadbeef, readDtlsReply(arrival.bytes)?.transaction ?? 0, arrival.bytes)
        },
      },
      {
        id: 'message-repeated',
        title: 'a message that is repeated gets the reply that it got before',
        source: '1.8',
        basis: 'ours',
        run: async (bench, judge) => {
          const messages = dtlsMessages(bench, await bench.line({ carrier: 'dtls', as: 'own' }))
          const request = unconnectedDtls(0x1122_3344, askName)
          const first = await messages.reply(request, 0x1122_3344)
          const again = await messages.reply(request, 0x1122_3344)
          judge.sameBytes('reply', first.raw, again.raw)
        },
      },
      {
        id: 'message-reserved-type',
        title: 'a message of the reserved type 0 is not served',
        source: '1.8',
        basis: 'ours',
        run: async (bench, judge) => {
          const line = await bench.line({ carrier: 'dtls', as: 'own' })
          line.send(unconnectedDtls(5, askName, 0))
          const arrival = await line.receive(500)
          const found = arrival.kind === 'bytes' ? readDtlsReply(arrival.bytes) : undefined
          const served = found !== undefined && found.status === 0
          judge.holds(
            !served,
            'no success',
            served ? 'a reply of status 0' : found === undefined ? arrival.kind : `status ${found.status}`,
          )
        },
      },
      {
        id: 'message-status',
        title: 'an unknown attribute is refused inside item 0x8003 as elsewhere: 0x14',
        source: '1.8, 2.3 [W][R]',
        run: async (bench, judge) => {
          const messages = dtlsMessages(bench, await bench.line({ carrier: 'dtls', as: 'own' }))
          status(judge, await messages.ask(judge, cipRequest(0x0e, epath(0x01, 1, 250))), 0x14)
        },
      },
      {
        id: 'frame-inside',
        title: 'an encapsulation message inside DTLS on 2221/udp is not served',
        source: '1.8, 1.10 [W]',
        run: async (bench, judge) => {
          const line = await bench.line({ carrier: 'dtls', as: 'own' })
          line.send(frame({ command: commands.listIdentity }))
          const arrival = await line.receive(bench.quietMs)
          judge.holds(arrival.kind !== 'bytes', 'no answer', arrival.kind)
        },
      },
      {
        id: 'malformed-inside',
        title: 'a packet inside DTLS that is none is not answered, and the association goes on',
        source: '1.5, 1.8 [W]',
        run: async (bench, judge) => {
          const line = await bench.line({ carrier: 'dtls', as: 'own' })
          line.send(concat(le16(9), le16(0x8003), le16(500), askName))
          const arrival = await line.receive(bench.quietMs)
          judge.holds(arrival.kind === 'silence', 'silence', arrival.kind)
          const found = await dtlsMessages(bench, line).exchange(askName)
          judge.code('status of the next', 0, found.status, 4, found.raw)
        },
      },
      {
        id: 'inside-version',
        title: 'an association of the target’s choice is DTLS 1.2',
        source: '5.1 [G17]',
        run: async (bench, judge) => {
          const line = await bench.line({ carrier: 'dtls', as: 'own' })
          judge.equal('version', 'DTLSv1.2', line.security?.version ?? 'none')
        },
      },
    ],
  ),
]
