import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText } from '../define.ts'
import { ascii, be16, commands, concat, frame, readFrame, u32 } from '../frames.ts'
import {
  extensionTypes,
  type Flight,
  flightAfter,
  groups,
  hello,
  type HelloOffer,
  type HelloProtocol,
  isRefusal,
  suitesOfCipSecurity,
  tlsClientHello,
  tlsRecord,
  versions,
} from '../hello.ts'
import { hexText, type Judge } from '../judge.ts'
import { suitesIn } from './consistency.ts'
import { suiteRows } from './suite-table.ts'

/** Suites that old versions have: HMAC-SHA1, ECDSA and RSA. */
const oldSuites = [0xc009, 0xc00a, 0xc006, 0xc013, 0xc014, 0x002f, 0x0035]

/** @internal The target must refuse such a hello. */
export async function mustRefuse(
  bench: Bench,
  judge: Judge,
  protocol: HelloProtocol,
  offer: HelloOffer,
): Promise<void> {
  const flight = await hello(bench, protocol, offer)
  if (flight.outcome === 'silence' && !isRefusal(flight))
    judge.inconclusive(`no answer to the ClientHello: ${flight.reason}`)
  judge.holds(isRefusal(flight), 'a refusal', flight.reason, flight.bytes)
}

/** @internal The target must answer such a hello with a ServerHello. */
export async function mustAccept(
  bench: Bench,
  judge: Judge,
  protocol: HelloProtocol,
  offer: HelloOffer,
): Promise<Flight> {
  const flight = await hello(bench, protocol, offer)
  if (flight.outcome === 'silence') judge.inconclusive(`no answer to the ClientHello: ${flight.reason}`)
  judge.holds(flight.outcome === 'hello', 'ServerHello', flight.reason, flight.bytes)
  return flight
}

/** @internal Suites of one kind that a hello can offer to learn something else than suites. */
export const certificateSuites: readonly number[] = suiteRows.filter(({ proof }) => proof !== 'psk').map(({ id }) => id)

/** @internal A hello that this target answers: with the suites it allows where they are known. */
export async function usualOffer(bench: Bench): Promise<HelloOffer> {
  if (bench.facts.session === undefined || !bench.facts.classes.has(0x5e)) return { suites: suitesOfCipSecurity }
  const reply = await bench.get(0x5e, 1, 4)
  const allowed = reply.status === 0 ? suitesIn(reply.data) : []
  return { suites: allowed.length > 0 ? allowed : suitesOfCipSecurity }
}

function version(id: string, word: string, source: string, offer: HelloOffer, more: Partial<CaseText> = {}): CaseText {
  return {
    id,
    title: `${word} is refused`,
    source,
    run: (bench, judge) => mustRefuse(bench, judge, 'tls', offer),
    ...more,
  }
}

/** Sends bytes to 2221/tcp that must not be served; the target closes, answers with an alert or stays silent. */
async function unserved(bench: Bench, judge: Judge, what: string, bytes: Uint8Array): Promise<void> {
  const line = await bench.line({ carrier: 'tcp', port: 2221 })
  line.send(bytes)
  const arrival = await line.receive(600)
  const answered = arrival.kind === 'bytes' && arrival.bytes[0] !== 21
  judge.holds(!answered, `${what} is not served`, arrival.kind === 'bytes' ? hexText(arrival.bytes, 8) : arrival.kind)
  // And whoever comes after is.
  await mustAccept(bench, judge, 'tls', await usualOffer(bench))
}

/** TLS on 2221/tcp (cip-security-wire 1.10, 5.1). */
export const tlsCases: readonly ConformanceCase[] = cases(
  'tls',
  ['tls'],
  [
    version('version-ssl-3', 'SSL 3.0', '5.1 [G17][OI 228]', { version: versions.ssl3, suites: oldSuites }),
    version('version-1-0', 'TLS 1.0', '5.1 [G17][OI 228]', { version: versions.tls10, suites: oldSuites }),
    version('version-1-1', 'TLS 1.1', '5.1 [G17][OI 228]', { version: versions.tls11, suites: oldSuites }),
    version(
      'version-1-3',
      'TLS 1.3 alone',
      '5.1 [R]',
      {
        suites: [0x1301, 0x1302, 0x1303],
        groups: [groups.x25519, groups.secp256r1],
        more: [
          [extensionTypes.supportedVersions, Uint8Array.of(2, 3, 4)],
          [extensionTypes.keyShare, concat(be16(36), be16(groups.x25519), be16(32), new Uint8Array(32).fill(9))],
        ],
      },
      { basis: 'ours' },
    ),
    {
      id: 'version-1-2',
      title: 'TLS 1.2 is accepted',
      source: '5.1 [G17][OI 228]',
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        judge.code('version', versions.tls12, flight.serverHello?.version ?? 0, 4, flight.bytes)
      },
    },
    {
      id: 'version-higher',
      title: 'a hello of a higher version that leaves 1.2 open is answered with 1.2',
      source: '5.1; RFC 5246 E.1',
      run: async (bench, judge) => {
        const offer = await usualOffer(bench)
        const flight = await mustAccept(bench, judge, 'tls', { ...offer, version: 0x0304 })
        judge.code('version', versions.tls12, flight.serverHello?.version ?? 0, 4, flight.bytes)
      },
    },
    {
      id: 'compression',
      title: 'compression is never chosen',
      source: '5.1; RFC 5246 7.4.1.3, RFC 7525 3.3',
      run: async (bench, judge) => {
        const offer = await usualOffer(bench)
        const flight = await mustAccept(bench, judge, 'tls', { ...offer, compressions: [1, 0] })
        judge.equal('compression', 0, flight.serverHello?.compression ?? -1, flight.bytes)
      },
    },
    {
      id: 'compression-only',
      title: 'a hello that offers compression only is refused',
      source: '5.1; RFC 5246 7.4.1.2',
      run: async (bench, judge) => mustRefuse(bench, judge, 'tls', { ...(await usualOffer(bench)), compressions: [1] }),
    },
    {
      id: 'suite-offered',
      title: 'the suite chosen is one that was offered',
      source: '5.2; RFC 5246 7.4.1.3',
      run: async (bench, judge) => {
        const { suites } = await usualOffer(bench)
        const last = suites.slice(-2)
        const flight = await mustAccept(bench, judge, 'tls', { suites: last.length > 0 ? suites : last })
        judge.code('suite', suites, flight.serverHello?.suite ?? 0, 4, flight.bytes)
      },
    },
    {
      id: 'suite-preference',
      title: 'the target chooses by its own order (0x5E attribute 4), not by the order of the hello',
      source: '4.2 attribute 4, ordered by preference',
      basis: 'inferred',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const allowed = suitesIn(await bench.value(0x5e, 1, 4)).filter((id) => certificateSuites.includes(id))
        if (allowed.length < 2) judge.notApplicable('fewer than two certificate suites are allowed')
        const reversed = await mustAccept(bench, judge, 'tls', { suites: [...allowed].reverse() })
        const forward = await mustAccept(bench, judge, 'tls', { suites: allowed })
        judge.code('suite', forward.serverHello?.suite ?? 0, reversed.serverHello?.suite ?? 0, 4, reversed.bytes)
      },
    },
    {
      id: 'no-common-suite',
      title: 'a hello without a suite of the target is refused with an alert or a closed connection',
      source: '5.2; RFC 5246 7.4.1.3',
      run: (bench, judge) => mustRefuse(bench, judge, 'tls', { suites: [0x0005, 0x000a] }),
    },
    {
      id: 'renegotiation-info',
      title: 'the ServerHello carries renegotiation_info, so that a renegotiation cannot be smuggled in',
      source: '5.1; RFC 5746 3.6',
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        const found = flight.serverHello?.extensions.get(extensionTypes.renegotiation)
        judge.holds(found !== undefined, 'extension 0xFF01', 'none', flight.bytes)
        judge.sameBytes('renegotiated connection', Uint8Array.of(0), found ?? new Uint8Array(0))
      },
    },
    {
      id: 'renegotiation-refused',
      title: 'a target without the capability of secure renegotiation (0x5E attribute 2 bit 0) refuses one',
      source: '4.2 attribute 2, 5.1',
      basis: 'inferred',
      needs: ['secure-session', { class: 0x5e }],
      run: async (bench, judge) => {
        if ((u32(await bench.value(0x5e, 1, 2), 0) & 1) === 1) judge.notApplicable('the target has that capability')
        const result = await bench.port.renegotiate('own')
        if (result.kind === 'unanswered') judge.inconclusive(result.reason)
        judge.equal('renegotiation', 'refused', result.kind)
      },
    },
    {
      id: 'extended-master-secret',
      title: 'extended master secret is taken where it is offered',
      source: '5.1; RFC 7627',
      basis: 'ours',
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        const found = flight.serverHello?.extensions.has(extensionTypes.extendedMasterSecret) === true
        judge.holds(found, 'extension 23', found ? 'extension 23' : 'none', flight.bytes)
      },
    },
    {
      id: 'encrypt-then-mac-cbc',
      title: 'encrypt-then-MAC is taken with a CBC suite',
      source: '0 [P317] since edition 1.18; RFC 7366',
      run: async (bench, judge) => {
        const { suites } = await usualOffer(bench)
        const cbc = suiteRows.filter(({ id, cbc: isCbc, proof }) => isCbc && proof === 'ecdsa' && suites.includes(id))
        if (cbc.length === 0) judge.notApplicable('no CBC suite is allowed')
        const flight = await mustAccept(bench, judge, 'tls', { suites: cbc.map(({ id }) => id) })
        const found = flight.serverHello?.extensions.has(extensionTypes.encryptThenMac) === true
        judge.holds(found, 'extension 22', found ? 'extension 22' : 'none', flight.bytes)
      },
    },
    {
      id: 'encrypt-then-mac-gcm',
      title: 'encrypt-then-MAC is not claimed with an authenticated suite',
      source: '0; RFC 7366 3',
      run: async (bench, judge) => {
        const { suites } = await usualOffer(bench)
        const gcm = suites.filter((id) => [0xc02b, 0xc02c, 0xcca9].includes(id))
        if (gcm.length === 0) judge.notApplicable('no such suite is allowed')
        const flight = await mustAccept(bench, judge, 'tls', { suites: gcm })
        const found = flight.serverHello?.extensions.has(extensionTypes.encryptThenMac) === true
        judge.holds(!found, 'no extension 22', found ? 'extension 22' : 'none', flight.bytes)
      },
    },
    {
      id: 'curve-p256',
      title: 'secp256r1 alone is enough',
      source: '5.1',
      basis: 'ours',
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', {
          ...(await usualOffer(bench)),
          groups: [groups.secp256r1],
        })
        if (flight.curve === undefined) judge.notApplicable('a suite without ephemeral curve was chosen')
        judge.equal('curve', groups.secp256r1, flight.curve ?? 0, flight.bytes)
      },
    },
    {
      id: 'curve-none',
      title: 'a hello without a common curve is refused where only ephemeral suites are offered',
      source: '5.1; RFC 8422 5.1',
      run: (bench, judge) =>
        mustRefuse(bench, judge, 'tls', {
          suites: [0xc02b, 0xc02c, 0xcca9, 0xc023, 0xc024],
          groups: [groups.sect163k1],
        }),
    },
    {
      id: 'curve-offered',
      title: 'the curve of the key exchange is one that was offered',
      source: '5.1; RFC 8422 5.4',
      run: async (bench, judge) => {
        const flight = await mustAccept(bench, judge, 'tls', await usualOffer(bench))
        if (flight.curve === undefined) judge.notApplicable('a suite without ephemeral curve was chosen')
        judge.code('curve', [groups.secp256r1, groups.secp384r1, groups.x25519], flight.curve ?? 0, 4, flight.bytes)
      },
    },
    {
      id: 'session-id-invented',
      title: 'a session id that the target never gave is not taken up',
      source: '5.1; RFC 5246 7.4.1.3',
      run: async (bench, judge) => {
        const sessionId = bench.port.random(32)
        const flight = await mustAccept(bench, judge, 'tls', { ...(await usualOffer(bench)), sessionId })
        const echoed = hexText(flight.serverHello?.sessionId ?? new Uint8Array(0))
        judge.holds(echoed !== hexText(sessionId), 'another session id', echoed, flight.bytes)
        judge.equal('ServerHelloDone', true, flight.done, flight.bytes)
      },
    },
    {
      id: 'ticket-invented',
      title: 'a ticket that the target never gave leads to a full handshake',
      source: '5.1; RFC 5077 3.4',
      run: async (bench, judge) => {
        const offer = await usualOffer(bench)
        const more = [[extensionTypes.sessionTicket, bench.port.random(160)]] as const
        const flight = await mustAccept(bench, judge, 'tls', { ...offer, more })
        judge.equal('ServerHelloDone', true, flight.done, flight.bytes)
      },
    },
    {
      id: 'hello-in-pieces',
      title: 'a ClientHello in two records is accepted',
      source: '5.1; RFC 5246 6.2.1',
      run: async (bench, judge) => {
        const message = tlsClientHello({ ...(await usualOffer(bench)), random: bench.port.random(32) })
        const line = await bench.line({ carrier: 'tcp', port: 2221 })
        const pieces = [tlsRecord(22, message.subarray(0, 40)), tlsRecord(22, message.subarray(40))]
        const flight = await flightAfter(line, 'tls', pieces, bench.patienceMs, () => bench.port.now())
        if (flight.outcome === 'silence') judge.inconclusive('no answer')
        judge.equal('answer', 'hello', flight.outcome, flight.bytes)
      },
    },
    {
      id: 'hello-large',
      title: 'a ClientHello of several kilobytes is accepted',
      source: '5.1; RFC 5246 6.2.1',
      run: async (bench, judge) => {
        // An extension that nobody knows is ignored (RFC 5246 7.4.1.4).
        const more = [[0xfa5a, new Uint8Array(5000)]] as const
        const flight = await mustAccept(bench, judge, 'tls', { ...(await usualOffer(bench)), more })
        judge.equal('ServerHelloDone', true, flight.done, flight.bytes)
      },
    },
    {
      id: 'plain-on-2221',
      title: 'encapsulation in plain on 2221/tcp is not served',
      source: '1.1, 1.10 [W][CPwE]',
      run: (bench, judge) => unserved(bench, judge, 'a plain ListIdentity', frame({ command: commands.listIdentity })),
    },
    {
      id: 'data-before-handshake',
      title: 'application data before a handshake is not served',
      source: '5.1; RFC 5246 F.1',
      run: (bench, judge) =>
        unserved(
          bench,
          judge,
          'application data',
          tlsRecord(23, frame({ command: commands.listIdentity }), versions.tls12),
        ),
    },
    {
      id: 'hello-truncated',
      title: 'a ClientHello whose lengths lie is not served',
      source: '5.1; RFC 5246 7.2.2',
      run: async (bench, judge) => {
        const message = tlsClientHello({ ...(await usualOffer(bench)), random: bench.port.random(32) })
        // The session id claims 255 bytes.
        message[38] = 0xff
        await unserved(bench, judge, 'such a hello', tlsRecord(22, message))
      },
    },
    {
      id: 'record-too-long',
      title: 'a record longer than TLS allows is not served',
      source: '5.1; RFC 5246 6.2.3',
      run: (bench, judge) => {
        const record = new Uint8Array(5 + 20_000)
        record.set([22, 3, 1, 0x4e, 0x20])
        return unserved(bench, judge, 'such a record', record)
      },
    },
    {
      id: 'random-bytes',
      title: 'bytes that are no TLS are not served, and bring nobody down',
      source: '1.1',
      run: (bench, judge) => unserved(bench, judge, 'nonsense', concat(Uint8Array.of(0xee), bench.port.random(200))),
    },
    ...(['listServices', 'listIdentity', 'listInterfaces'] as const).map(
      (command): CaseText => ({
        id: `inside-${command.toLowerCase()}`,
        title: `${command} is served inside TLS`,
        source: '1.1, 1.10 [CPwE]',
        needs: ['secure-session'],
        run: async (bench, judge) => {
          const answer = await (await bench.stream('tls')).ask({
            command: commands[command],
            context: ascii('12345678'),
          })
          judge.code('command', commands[command], answer.command, 4, answer.raw)
          judge.code('status', 0, answer.status, 4, answer.raw)
        },
      }),
    ),
    {
      id: 'inside-session',
      title: 'RegisterSession and SendRRData are served inside TLS, byte for byte as in plain',
      source: '1.1, 1.10 [W][CPwE]',
      needs: ['secure-session'],
      run: async (bench, judge) => {
        const session = await bench.session('tls')
        const reply = await session.cip(0x0e, Uint8Array.of(0x20, 1, 0x24, 1, 0x30, 7))
        judge.code('general status', 0, reply.status, 2, reply.raw)
      },
    },
    {
      id: 'inside-version',
      title: 'an association of the target’s choice is TLS 1.2',
      source: '5.1 [G17]',
      needs: ['secure-session'],
      run: async (bench, judge) => {
        const line = await bench.line({ carrier: 'tls', as: 'own' })
        judge.equal('version', 'TLSv1.2', line.security?.version ?? 'none')
      },
    },
    {
      id: 'inside-allowed',
      title: 'the suite of an association is one of 0x5E attribute 4',
      source: '4.2 [W][H][R]',
      needs: ['secure-session', { class: 0x5e }],
      run: async (bench, judge) => {
        const line = await bench.line({ carrier: 'tls', as: 'own' })
        judge.code('suite', suitesIn(await bench.value(0x5e, 1, 4)), line.security?.suite ?? 0, 4)
      },
    },
    {
      id: 'session-bound',
      title: 'a session of a TLS connection is not valid in plain or on another TLS connection',
      source: '1.3 [Om]',
      needs: ['secure-session'],
      run: async (bench, judge) => {
        const owner = await bench.session('tls')
        const other = await bench.stream('tls')
        const data = concat(new Uint8Array(6), Uint8Array.of(2, 0, 0, 0, 0, 0, 0xb2, 0, 2, 0, 1, 0))
        const answer = await other.ask({ command: commands.sendRRData, session: owner.handle, data })
        judge.code('status', 0x0064, answer.status, 4, answer.raw)
      },
    },
    {
      id: 'split-records',
      title: 'a message in several records is answered like any other',
      source: '1.1; RFC 5246 6.2.1',
      needs: ['secure-session'],
      run: async (bench, judge) => {
        const line = await bench.line({ carrier: 'tls', as: 'own' })
        const message = frame({ command: commands.listServices })
        line.send(message.subarray(0, 7))
        await bench.port.wait(10)
        line.send(message.subarray(7))
        const arrival = await bench.encapsulation(line).next()
        if (arrival.kind === 'silence') judge.inconclusive('no answer')
        judge.equal('answer', 'frame', arrival.kind)
        if (arrival.kind === 'frame')
          judge.code('command', commands.listServices, readFrame(arrival.frame.raw)?.command ?? 0, 4)
      },
    },
  ],
)
