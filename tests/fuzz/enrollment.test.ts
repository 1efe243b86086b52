import { makeCertificate, rootContents } from '@cordon/core/authority'
import {
  decodeAttributesBody,
  decodeCertificates,
  decodeEstRequest,
  decodeRequestWishes,
  deviceWishes,
  encodeEstBody,
  encodeRequestWishes,
  estMediaTypes,
  parseEnrollmentPolicy,
  parseEstPath,
  parseSerialList,
  readBasic,
  readChallenges,
  readRetryAfter,
  requestFacts,
} from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import {
  buildRequest,
  buildRevocationList,
  decodeCertificate,
  decodeRequest,
  decodeRevocationList,
  encodeCertsOnly,
  keyIdentifier,
  parseName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../vectors/hex.ts'
import { mutate, randomOf } from './mutate.ts'

/** Inputs per decoder. Longer runs: `CORDON_FUZZ=100000 CORDON_FUZZ_SEED=7 npx vitest run tests/fuzz`. */
const iterations = Number(process.env['CORDON_FUZZ'] ?? 1500)
const seed = Number(process.env['CORDON_FUZZ_SEED'] ?? 20_260_301)

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const bytesOf = (some: string) => new Uint8Array(Buffer.from(some, 'latin1'))

const key = await nodeCrypto.generateKey('ecdsa-p256')
const request = await buildRequest(key, { subject: parseName('serialNumber=FDE9-00A10011,CN=Filler IO') })
const now = Date.UTC(2026, 0, 1)
const root = await makeCertificate(
  nodeCrypto,
  rootContents(nodeCrypto, { plant: 'fuzz', subject: { country: 'US' }, publicKey: key.publicKey, now }),
  key,
  { profile: 'root', issuer: undefined, now },
)
const revocations = await buildRevocationList(
  {
    issuer: root.subject,
    issuerKey: keyIdentifier(nodeCrypto, key.publicKey),
    number: 7,
    thisUpdate: now,
    nextUpdate: now + 86_400_000,
    entries: [{ serial: '4711', revokedAt: now, reason: 'superseded' }],
  },
  key,
)
const wishes = encodeRequestWishes(deviceWishes('ecdsa-p256'))
// RFC 8951, the example of section 4.5.2 of RFC 7030 in the corrected syntax.
const attributes = fromHex(
  '304106092a864886f70d010907301206072a8648ce3d0201310706052b81040022301606092a864886f70d01090e310906072b06010101011606082a8648ce3d040303',
)
const rules = `version: 1
labels:
  default: { anyOf: [ { allOf: [ { serialList: { list: shipment, needs: proven } } ] }, { administrator: { approvals: 2 } } ] }
`
const list = 'vendor,serial,mac\n1,0x00e17388,\n65001,0x00a10011,00:1d:9c:01:02:03\n'

/** What each decoder of something that strangers send is begun with, and how it is asked. */
const decoders: Readonly<Record<string, { readonly base: Uint8Array; readonly read: (bytes: Uint8Array) => unknown }>> =
  {
    'request in base64': { base: bytesOf(encodeEstBody(request, 'wrapped')), read: decodeEstRequest },
    'request as DER': {
      base: request,
      read: (bytes) => {
        const decoded = decodeRequest(bytes)
        readChallenges(decoded)
        return requestFacts(nodeCrypto, decoded)
      },
    },
    'certs-only answer': {
      base: bytesOf(encodeEstBody(encodeCertsOnly([root.der]))),
      read: (bytes) => decodeCertificates(estMediaTypes.certificates, bytes),
    },
    'attributes answer': {
      base: bytesOf(encodeEstBody(wishes)),
      read: (bytes) => decodeRequestWishes(decodeAttributesBody(estMediaTypes.attributes, bytes)),
    },
    'attributes of RFC 8951': { base: attributes, read: decodeRequestWishes },
    certificate: { base: root.der, read: decodeCertificate },
    'revocation list': { base: revocations, read: decodeRevocationList },
    path: { base: bytesOf('/.well-known/est/line%203/simpleenroll'), read: (bytes) => parseEstPath(text(bytes)) },
    authorization: { base: bytesOf('Basic bGluZTM6c2VjcmV0IHdvcmRz'), read: (bytes) => readBasic(text(bytes)) },
    'retry-after': {
      base: bytesOf('Sun, 06 Nov 1994 08:49:37 GMT'),
      read: (bytes) => {
        const seconds = readRetryAfter(text(bytes), 0)
        expect(seconds === undefined || (seconds >= 1 && seconds <= 86_400)).toBe(true)
      },
    },
  }

/** Documents of people: whatever they hold, the answer is a value or a list of problems. */
const documents: Readonly<Record<string, { readonly base: string; readonly read: (some: string) => unknown }>> = {
  'enrollment file': { base: rules, read: (some) => parseEnrollmentPolicy(some, 'enrollment.yaml') },
  inventory: { base: list, read: (some) => parseSerialList(some, 'shipment.csv') },
}

describe('what strangers send to an enrollment service, mutated', () => {
  const random = randomOf(seed)
  const bases = Object.values(decoders).map(({ base }) => base)
  const other = () => bases[random(bases.length)] ?? request

  for (const [name, { base, read }] of Object.entries(decoders)) {
    it(`${name} is read or refused as malformed`, () => {
      for (let i = 0; i < iterations; i++) {
        const bytes = mutate(random(8) === 0 ? other() : base, other(), random)
        try {
          read(bytes)
        } catch (error) {
          if (error instanceof MalformedMessage) continue
          throw new Error(`${name} threw ${String(error)} for ${toHex(bytes)}`, { cause: error })
        }
      }
    })
  }

  for (const [name, { base, read }] of Object.entries(documents)) {
    it(`${name}: problems are answers`, () => {
      const from = bytesOf(base)
      for (let i = 0; i < iterations / 5; i++) read(text(mutate(from, other(), random)))
    })
  }
})
