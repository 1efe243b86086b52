import { type JsonWebKey, randomBytes } from 'node:crypto'
import type { KeyKind } from '@cordon/core/crypto'
import { MalformedMessage } from '@cordon/core/errors'
import type { Attribute, Mechanism, Template } from 'pkcs11js'
import { kindFacts } from './kinds.ts'

/** Numbers of PKCS#11 2.40 that are used here; the addon's own constants would load it. */
export const classes = { certificate: 1, publicKey: 2, privateKey: 3 } as const
export const attributes = {
  class: 0x000,
  token: 0x001,
  private: 0x002,
  label: 0x003,
  value: 0x011,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  decrypt: 0x105,
  unwrap: 0x107,
  sign: 0x108,
  verify: 0x10a,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  privateExponent: 0x123,
  prime1: 0x124,
  prime2: 0x125,
  exponent1: 0x126,
  exponent2: 0x127,
  coefficient: 0x128,
  extractable: 0x162,
  ecParameters: 0x180,
  ecPoint: 0x181,
} as const
export const keyTypes = { rsa: 0, ec: 3 } as const
const mechanisms = { rsaKeyPair: 0x0, rsaPkcs: 0x1, ecKeyPair: 0x1040, ecdsa: 0x1041 } as const

/** How a kind signs a digest. */
export function signingMechanism(kind: KeyKind): Mechanism {
  return { mechanism: kindFacts[kind].family === 'rsa' ? mechanisms.rsaPkcs : mechanisms.ecdsa }
}

/** DigestInfo of SHA-256 up to the digest (RFC 8017 9.2, note 1). */
const digestInfo = Buffer.from('3031300d060960864801650304020105000420', 'hex')

/** What {@link signingMechanism} is given for a digest: ECDSA takes it as it is. */
export function signingInput(kind: KeyKind, digest: Buffer): Buffer {
  return kindFacts[kind].family === 'rsa' ? Buffer.concat([digestInfo, digest]) : digest
}

/** How a key pair is generated, and what its halves are. */
export interface Generation {
  readonly mechanism: Mechanism
  readonly publicKey: Template
  readonly privateKey: Template
}

/** A key pair that stays in the token: sensitive, not extractable, to sign with and nothing else. */
export function generation(kind: KeyKind, label: string): Generation {
  const facts = kindFacts[kind]
  const id = randomBytes(16)
  const shape: Template =
    facts.family === 'ecdsa'
      ? [{ type: attributes.ecParameters, value: Buffer.from(facts.curve, 'hex') }]
      : [
          { type: attributes.modulusBits, value: facts.bits },
          { type: attributes.publicExponent, value: Buffer.from([1, 0, 1]) },
        ]
  return {
    mechanism: { mechanism: facts.family === 'ecdsa' ? mechanisms.ecKeyPair : mechanisms.rsaKeyPair },
    publicKey: [...publicHalf(label, id), ...shape],
    privateKey: privateHalf(label, id),
  }
}

function publicHalf(label: string, id: Buffer): Template {
  return [
    { type: attributes.class, value: classes.publicKey },
    { type: attributes.token, value: true },
    { type: attributes.private, value: false },
    { type: attributes.verify, value: true },
    { type: attributes.label, value: Buffer.from(label, 'utf8') },
    { type: attributes.id, value: id },
  ]
}

function privateHalf(label: string, id: Buffer): Template {
  return [
    { type: attributes.class, value: classes.privateKey },
    { type: attributes.token, value: true },
    { type: attributes.private, value: true },
    { type: attributes.sensitive, value: true },
    { type: attributes.extractable, value: false },
    { type: attributes.sign, value: true },
    // Tokens permit these where nobody says otherwise.
    { type: attributes.decrypt, value: false },
    { type: attributes.unwrap, value: false },
    { type: attributes.label, value: Buffer.from(label, 'utf8') },
    { type: attributes.id, value: id },
  ]
}

/** Both halves of a key that was made elsewhere, from its JSON Web Key. */
export function importation(
  kind: KeyKind,
  label: string,
  key: JsonWebKey,
): { publicKey: Template; privateKey: Template } {
  const facts = kindFacts[kind]
  const id = randomBytes(16)
  const [publicShape, privateShape] = facts.family === 'ecdsa' ? ellipticShape(facts.curve, key) : rsaShape(key)
  return {
    publicKey: [...publicHalf(label, id), ...publicShape],
    privateKey: [...privateHalf(label, id), ...privateShape],
  }
}

function ellipticShape(curve: string, key: JsonWebKey): readonly [Template, Template] {
  const common: Template = [
    { type: attributes.keyType, value: keyTypes.ec },
    { type: attributes.ecParameters, value: Buffer.from(curve, 'hex') },
  ]
  const point = Buffer.concat([Buffer.from([0x04]), member(key, 'x'), member(key, 'y')])
  const wrapping = Buffer.from(point.length < 0x80 ? [0x04, point.length] : [0x04, 0x81, point.length])
  return [
    [...common, { type: attributes.ecPoint, value: Buffer.concat([wrapping, point]) }],
    [...common, { type: attributes.value, value: member(key, 'd') }],
  ]
}

function rsaShape(key: JsonWebKey): readonly [Template, Template] {
  const common: Template = [
    { type: attributes.keyType, value: keyTypes.rsa },
    { type: attributes.modulus, value: member(key, 'n') },
    { type: attributes.publicExponent, value: member(key, 'e') },
  ]
  const secret: Attribute[] = [
    { type: attributes.privateExponent, value: member(key, 'd') },
    { type: attributes.prime1, value: member(key, 'p') },
    { type: attributes.prime2, value: member(key, 'q') },
    { type: attributes.exponent1, value: member(key, 'dp') },
    { type: attributes.exponent2, value: member(key, 'dq') },
    { type: attributes.coefficient, value: member(key, 'qi') },
  ]
  return [common, [...common, ...secret]]
}

function member(key: JsonWebKey, name: 'd' | 'dp' | 'dq' | 'e' | 'n' | 'p' | 'q' | 'qi' | 'x' | 'y'): Buffer {
  const value = key[name]
  if (typeof value !== 'string') throw new MalformedMessage('bad-encoding', `expected "${name}" in the key to import`)
  return Buffer.from(value, 'base64url')
}
