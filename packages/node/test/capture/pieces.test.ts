import { isEnipContent, stepText } from '@cordon/core/capture'
import { describe, expect, test } from 'vitest'
import { contexts, flow, payloads, record, rsaServer, secretsWith, type Sent, text, watch } from './conversations.ts'

const said = ['one', 'two', 'three']

/** Cuts every handshake message in clear into DTLS fragments of some bytes, each in a datagram of its own. */
function refragment(wire: readonly Sent[], size: number, order: (fragments: Uint8Array[]) => Uint8Array[]): Sent[] {
  return wire.flatMap(({ side, bytes }) => {
    const records: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = 13 + ((bytes[at + 11] ?? 0) << 8) + (bytes[at + 12] ?? 0)
      records.push(bytes.subarray(at, at + length))
      at += length
    }
    const fragments = records.flatMap((one) => {
      const epoch = (one[3] ?? 0) << 8 || (one[4] ?? 0)
      if (one[0] !== 22 || epoch !== 0) return [one]
      const total = one.length - 25
      const pieces: Uint8Array[] = []
      for (let offset = 0; offset === 0 || offset < total; offset += size) {
        const body = one.subarray(25 + offset, 25 + Math.min(offset + size, total))
        const piece = Uint8Array.from([...one.subarray(0, 25), ...body])
        const view = new DataView(piece.buffer)
        view.setUint16(11, 12 + body.length)
        view.setUint16(20, offset)
        view.setUint16(23, body.length)
        pieces.push(piece)
      }
      return pieces
    })
    return order(fragments).map((piece) => ({ side, bytes: piece }))
  })
}

/** Cuts every handshake record in clear into TLS records of some bytes. */
function rerecord(wire: readonly Sent[], size: number): Sent[] {
  const clear = { client: true, server: true }
  return wire.map(({ side, bytes }) => {
    const out: number[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = ((bytes[at + 3] ?? 0) << 8) + (bytes[at + 4] ?? 0)
      const content = bytes.subarray(at + 5, at + 5 + length)
      if (bytes[at] === 20) clear[side] = false
      const step = bytes[at] === 22 && clear[side] ? size : length
      for (let offset = 0; offset < length; offset += step) {
        const piece = content.subarray(offset, offset + step)
        out.push(...bytes.subarray(at, at + 3), piece.length >> 8, piece.length & 0xff, ...piece)
      }
      at += 5 + length
    }
    return { side, bytes: Uint8Array.from(out) }
  })
}

describe('a handshake in pieces', () => {
  test.each([1, 20, 133])('of %i bytes is put together from DTLS fragments in any order', (size) => {
    const { server, client } = contexts('dtls', 0x003c, true)
    const { wire } = record(server, client, said.map(text))
    const whole = watch('dtls', wire, { secrets: secretsWith('', [rsaServer.key]) })
    // The extended master secret depends on every byte, so a wrong one would show.
    for (const order of [(list: Uint8Array[]) => list, (list: Uint8Array[]) => [...list, ...list]]) {
      const seen = watch('dtls', refragment(wire, size, order), { secrets: secretsWith('', [rsaServer.key]) })
      expect(payloads(seen)).toEqual(said)
      const fresh = seen.steps.filter(({ retransmission }) => retransmission === undefined)
      expect(flow(fresh)).toEqual(flow(whole.steps))
      expect(seen.report.problems).toEqual([])
    }
  })

  test('is put together from fragments that come backwards', () => {
    const { server, client } = contexts('dtls', 0x003c, true)
    const { wire } = record(server, client, said.map(text))
    // The very first must come first: by it the numbers are known.
    const seen = watch(
      'dtls',
      refragment(wire, 50, (list) => [...list.slice(0, 1), ...list.slice(1).toReversed()]),
      { secrets: secretsWith('', [rsaServer.key]) },
    )
    expect(payloads(seen)).toEqual(said)
    expect(seen.report.readable).toEqual({ yes: true, by: 'private key' })
  })

  test.each([1, 3, 100])('of %i bytes is put together from TLS records', (size) => {
    const { server, client } = contexts('tls', 0x003c, true)
    const { wire } = record(server, client, said.map(text))
    const whole = watch('tls', wire)
    const seen = watch('tls', rerecord(wire, size), { secrets: secretsWith('', [rsaServer.key]) })
    expect(payloads(seen)).toEqual(said)
    expect(flow(seen.steps).map((step) => step.replace('Finished', 'Encrypted Handshake Message'))).toEqual(
      flow(whole.steps),
    )
  })
})

describe('the text of a step', () => {
  test('says what a person looks for', () => {
    const { server, client } = contexts('tls', 0xc006, true, { resumption: false })
    const { wire } = record(server, client)
    const shown = watch('tls', wire).steps.map(({ name, detail }) => `${name}: ${stepText(detail)}`)
    expect(shown).toEqual([
      'Client Hello: TLSv1.2; extended master secret; encrypt-then-MAC; offers TLS_ECDHE_ECDSA_WITH_NULL_SHA',
      'Server Hello: TLSv1.2; chose TLS_ECDHE_ECDSA_WITH_NULL_SHA; extended master secret; encrypt-then-MAC',
      'Certificate: CN=Green_L85E (unknown) issued by CN=plant root',
      'Server Key Exchange: ECDHE, secp256r1, signed by ecdsa_secp256r1_sha256',
      'Certificate Request: rsa_sign, ecdsa_sign; from any authority',
      'Server Hello Done: ',
      'Certificate: CN=Blue_L85E (unknown) issued by CN=plant root',
      'Client Key Exchange: ECDHE',
      'Certificate Verify: signed by ecdsa_secp256r1_sha256',
      'Change Cipher Spec: ',
      'Finished: ',
      'Change Cipher Spec: ',
      'Finished: ',
    ])
  })
})

describe('what EtherNet/IP looks like', () => {
  const register = Uint8Array.from([0x65, 0, 4, 0, ...new Array<number>(20).fill(0), 1, 0, 0, 0])
  const io = Uint8Array.from([2, 0, 2, 0x80, 8, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0xb1, 0, 4, 0, 1, 0, 9, 9])

  test('is recognised to the last byte', () => {
    expect([register, Uint8Array.from([...register, ...register]), io].map(isEnipContent)).toEqual([true, true, true])
    for (const whole of [register, io]) {
      expect(isEnipContent(whole.subarray(0, -1))).toBe(false)
      expect(isEnipContent(Uint8Array.from([...whole, 0]))).toBe(false)
    }
    expect(isEnipContent(new Uint8Array())).toBe(false)
  })

  test.each(['tls', 'dtls'] as const)('opens %s of a NULL suite whose handshake is not in the capture', (protocol) => {
    const { server, client } = contexts(protocol, 0xc03a, false)
    const message = protocol === 'tls' ? register : io
    const { wire } = record(server, client, [message, message, message])
    const seen = watch(protocol, wire.slice(-3), { isApplication: isEnipContent })
    expect(seen.application.map(({ bytes }) => bytes)).toEqual([message, message, message])
    expect(seen.report.protection).toBe('Authenticated')
    const sealed = record(contexts(protocol, 0xc037, false).server, contexts(protocol, 0xc037, false).client, [message])
    expect(watch(protocol, sealed.wire.slice(-1), { isApplication: isEnipContent }).report.protection).toBe('None')
  })
})
