import type { KeySite } from '@cordon/server/users'
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest()

/** CBOR of the few things that an authenticator sends (RFC 8949). */
function cbor(value: number | string | Uint8Array | Map<number | string, unknown>): Buffer {
  const head = (major: number, n: number) =>
    n < 24
      ? Buffer.from([(major << 5) | n])
      : n < 256
        ? Buffer.from([(major << 5) | 24, n])
        : Buffer.from([(major << 5) | 25, n >> 8, n & 0xff])
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Map) {
    const members = [...value].flatMap(([key, each]) => [cbor(key), cbor(each as number)])
    return Buffer.concat([head(5, value.size), ...members])
  }
  return Buffer.concat([head(2, value.length), value])
}

/** A security key in software: P-256 (ES256), no attestation, user present and not verified. */
export class SoftKey {
  readonly #credential = randomBytes(32)
  readonly #pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
  })
  /** Signatures so far. */
  counter = 10

  get id(): string {
    return base64url(this.#credential)
  }

  #data(host: string, attested: boolean): Buffer {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(this.counter)
    const head = Buffer.concat([sha256(host), Buffer.from([attested ? 0x41 : 0x01]), counter])
    if (!attested) return head
    const { x = '', y = '' } = this.#pair.publicKey.export({ format: 'jwk' })
    const key = cbor(
      new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')],
      ]),
    )
    const length = Buffer.from([0, this.#credential.length])
    return Buffer.concat([head, Buffer.alloc(16), length, this.#credential, key])
  }

  #client(type: string, challenge: string, { origin }: KeySite): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }))
  }

  /** What a browser makes of registration options. */
  register({ challenge }: { readonly challenge: string }, site: KeySite): unknown {
    const attestation = cbor(
      new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', this.#data(site.host, true)],
      ]),
    )
    return {
      id: this.id,
      rawId: this.id,
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: base64url(this.#client('webauthn.create', challenge, site)),
        attestationObject: base64url(attestation),
        transports: ['usb'],
      },
    }
  }

  /** What a browser makes of authentication options. */
  authenticate({ challenge }: { readonly challenge: string }, site: KeySite) {
    this.counter += 1
    const client = this.#client('webauthn.get', challenge, site)
    const data = this.#data(site.host, false)
    const signature = sign('sha256', Buffer.concat([data, sha256(client)]), this.#pair.privateKey)
    return {
      id: this.id,
      rawId: this.id,
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: base64url(client),
        authenticatorData: base64url(data),
        signature: base64url(signature),
      },
    }
  }
}
