import { path } from '@cordon/core/cip'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import {
  assembly,
  certificateManagement,
  cipSecurity,
  connectionConfiguration,
  connectionManager,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  ethernetLink,
  file,
  fileChecksum,
  identity,
  ingressEgress,
  messageRouter,
  port,
  preSharedKey,
  qos,
  tcpIp,
} from '@cordon/core/objects'
import { type Codec, decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

const classes = [
  assembly,
  certificateManagement,
  cipSecurity,
  connectionConfiguration,
  connectionManager,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  ethernetLink,
  file,
  identity,
  ingressEgress,
  messageRouter,
  port,
  qos,
  tcpIp,
]

describe('object classes', () => {
  it('number each attribute and service once', () => {
    for (const object of classes) {
      for (const table of [object.attributes, object.classAttributes]) {
        const ids = Object.values(table).map(({ id }) => id)
        expect([object.name, new Set(ids).size]).toEqual([object.name, ids.length])
      }
      const codes = Object.values(object.services).map(({ code }) => code)
      expect([object.name, new Set(codes).size]).toEqual([object.name, codes.length])
    }
  })

  it('read any bytes as a value or MalformedMessage, and write back what they read', () => {
    const codecs: Codec<unknown>[] = classes.flatMap((object) => [
      ...Object.values(object.attributes).map(({ codec }) => codec as Codec<unknown>),
      ...Object.values(object.classAttributes).map(({ codec }) => codec as Codec<unknown>),
      ...Object.values(object.services).flatMap(({ request, reply }) => [request, reply] as Codec<unknown>[]),
    ])
    fc.assert(
      fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 48 }), (codec, bytes) => {
        let value: unknown
        try {
          value = decode(codec, bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
          return
        }
        const written = encode(codec, value)
        expect(decode(codec, written)).toEqual(value)
      }),
      { numRuns: 4000, seed: 13 },
    )
  })
})

describe('the constructed examples of the reference', () => {
  const suites = ethernetIpSecurity.attributes.availableSuites.codec
  const paths = ethernetIpSecurity.attributes.trustedAuthorities.codec

  it('cipher suites are big-endian', () => {
    expect(decode(suites, hex('02 c0 2b c0 2c'))).toEqual([0xc02b, 0xc02c])
    expect(encode(suites, [0xc02b, 0xc02c])).toEqual(hex('02 c0 2b c0 2c'))
  })

  it('a pre-shared key is identity, key, usage', () => {
    const bytes = hex('04 69643031 10 000102030405060708090a0b0c0d0e0f 02')
    const value = { identity: hex('69643031'), key: hex('000102030405060708090a0b0c0d0e0f'), usage: 'any' as const }
    expect(decode(preSharedKey, bytes)).toEqual(value)
    expect(encode(preSharedKey, value)).toEqual(bytes)
    expect(decode(preSharedKey, bytes.subarray(0, -1))).toEqual(value)
    expect(() => decode(preSharedKey, hex('81'))).toThrow(MalformedMessage)
    expect(() => encode(preSharedKey, { ...value, key: new Uint8Array(65) })).toThrow(UsageError)
  })

  it('paths of certificates and files are counted in words', () => {
    expect(encode(paths, [path({ class: 0x5f, instance: 2 })])).toEqual(hex('01 02 20 5f 24 02'))
    expect(encode(paths, [path({ class: 0x37, instance: 0x0110 })])).toEqual(hex('01 03 20 37 25 00 10 01'))
  })

  it('a revocation list is one path at object revision 7 and a list at 9', () => {
    const seven = ethernetIpSecurityRevision7.attributes.revocationLists.codec
    const nine = ethernetIpSecurity.attributes.revocationLists.codec
    const one = [path({ class: 0x37, instance: 0x0110 })]
    expect(encode(seven, one)).toEqual(hex('03 20 37 25 00 10 01'))
    expect(encode(nine, one)).toEqual(hex('01 03 20 37 25 00 10 01'))
    expect(encode(seven, [])).toEqual(hex('00'))
    expect(decode(seven, hex('00'))).toEqual([])
    expect(decode(seven, hex('03 20 37 25 00 10 01'))).toEqual(one)
    expect(() => encode(seven, [...one, ...one])).toThrow(/at most one/)
  })

  it('Apply_Config carries flags and a delay, or nothing', () => {
    const { request } = ethernetIpSecurity.services.applyConfig
    expect(encode(request, { flags: 3, closeDelayMs: 3000 })).toEqual(hex('03 00 b8 0b'))
    expect(encode(request, undefined)).toHaveLength(0)
    expect(decode(request, hex(''))).toBeUndefined()
    expect(() => decode(request, hex('0300'))).toThrow(MalformedMessage)
  })

  it('Create_CSR is eight or nine short strings', () => {
    const { request, reply } = certificateManagement.services.createCsr
    const bytes = hex('05 6465762d31 04 41636d65 00 00 00 02 5553 00 00 14 6950416464726573733d3139322e302e322e3130')
    const value = decode(request, bytes)
    expect(value).toMatchObject({
      commonName: 'dev-1',
      organization: 'Acme',
      country: 'US',
      subjectAlternativeName: 'iPAddress=192.0.2.10',
    })
    expect(encode(request, value)).toEqual(bytes)
    expect(decode(request, bytes.subarray(0, -21)).subjectAlternativeName).toBeUndefined()
    expect(decode(reply, hex('03 20 37 25 00 10 01'))).toEqual(path({ class: 0x37, instance: 0x0110 }))
  })

  it('file services and checksum', () => {
    expect(decode(file.services.initiateUpload.reply, hex('05 00 00 00 ff'))).toEqual({ size: 5, transferSize: 255 })
    expect(decode(file.services.initiateUpload.reply, hex('40420f00ff'))).toEqual({
      size: 1_000_000,
      transferSize: 255,
    })
    expect(decode(file.services.uploadTransfer.reply, hex('00 04 48454c4c4f 8cfe'))).toEqual({
      number: 0,
      type: 'firstAndLast',
      data: hex('48454c4c4f8cfe'),
    })
    expect(fileChecksum(new TextEncoder().encode('HELLO'))).toBe(0xfe8c)
    expect(fileChecksum(new Uint8Array(0))).toBe(0)
    expect(fileChecksum(new Uint8Array(70_000).fill(255))).toBe((0x1_0000 - ((70_000 * 255) & 0xffff)) & 0xffff)
  })

  it('Set_Port_Admin_State counts entries of port, protocol and state', () => {
    const { request } = tcpIp.services.setPortAdminState
    expect(encode(request, [{ port: 44818, protocol: 'tcp', open: false }])).toEqual(hex('01 12af 06 00'))
    expect(() => decode(request, hex('01 12af 07 00'))).toThrow(MalformedMessage)
  })
})
