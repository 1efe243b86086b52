import type { KeyKind } from '@cordon/core/crypto'
import {
  createDefaultCredentials,
  createVendorPki,
  type DefaultCredentials,
  type DeviceIdentity,
  type VendorPki as Maker,
} from '@cordon/core/device'
import { MalformedMessage } from '@cordon/core/errors'
import type { SimulatedVendor } from '@cordon/core/policy'
import { buildRevocationList, decodeCertificate, encodePem, keyIdentifier } from '@cordon/core/x509'
import { join } from 'node:path'
import { nodeCrypto } from '@cordon/node/crypto'
import { readIfExists, writeDurably } from '@cordon/node/files'
import { base64, unbase64 } from './base64.ts'

/** The simulated makers of a plant's devices. */
export interface VendorPki {
  /** Root certificates, DER: what `--trust-vendor` takes. */
  readonly roots: readonly Uint8Array[]
  /** A device's credentials as they leave this maker's factory. @throws MalformedMessage for a maker that is not there */
  issue(
    vendor: string,
    identity: DeviceIdentity,
    condition?: 'good' | 'expired' | 'revoked',
  ): Promise<DefaultCredentials>
  /** Writes the revocation lists of the makers, with these certificates, DER, by maker; durable when it resolves. */
  revoke(certificates: ReadonlyMap<string, readonly Uint8Array[]>): Promise<void>
}

/** The key that gives the signature the simulation asks for: the hash follows the curve. */
const keyKinds: Readonly<Record<SimulatedVendor['signature'], KeyKind>> = {
  'ecdsa-sha256': 'ecdsa-p256',
  'ecdsa-sha384': 'ecdsa-p384',
  'ecdsa-sha512': 'ecdsa-p521',
}

/** Where the roots lie as PEM, for `--trust-vendor`. */
export function vendorRootsFile(directory: string): string {
  return join(directory, 'vendor-roots.pem')
}

/** Where the makers' revocation lists lie as PEM, once one of them has revoked something. */
export function vendorRevocationsFile(directory: string): string {
  return join(directory, 'vendor-crls.pem')
}

/**
 * Opens the makers' authorities of a virtual plant, making those that are missing. They are kept in the plant's
 * directory, keys sealed, so that a device restarted in ten years still chains to the same root.
 */
export async function openVendorPki(
  directory: string,
  vendors: readonly SimulatedVendor[],
  sealingKey: Uint8Array,
  now: number,
): Promise<VendorPki> {
  const makers = new Map<string, { readonly maker: Maker; readonly commonName: string }>()
  for (const vendor of vendors) {
    const file = join(directory, `vendor-${vendor.name}.json`)
    const kept = await readIfExists(file)
    const maker = kept === undefined ? await create(vendor, now) : revive(vendor, kept, file, sealingKey)
    if (kept === undefined) await writeDurably(file, JSON.stringify(frozen(vendor, maker, sealingKey)))
    makers.set(vendor.name, { maker, commonName: vendor.commonName })
  }
  const find = (name: string) => {
    const found = makers.get(name)
    if (found === undefined) throw new MalformedMessage('unknown-value', `simulation: no vendor "${name}"`)
    return found
  }
  const handedOut = new Set(vendors.filter(({ trusted }) => trusted).map(({ name }) => name))
  const roots = [...makers].flatMap(([name, { maker }]) => (handedOut.has(name) ? [maker.root] : []))
  const pem = roots.map((root) => encodePem('CERTIFICATE', root)).join('')
  const shown = await readIfExists(vendorRootsFile(directory))
  if (shown === undefined || new TextDecoder().decode(shown) !== pem) {
    await writeDurably(vendorRootsFile(directory), pem, 0o644)
  }
  return {
    roots,
    issue: async (name, identity, condition = 'good') => {
      const { maker: vendor, commonName } = find(name)
      const madeAt = condition === 'expired' ? now - expiredMs : now
      return createDefaultCredentials(nodeCrypto, { identity, now: madeAt, vendor, commonName })
    },
    revoke: async (certificates) => {
      const lists = await Promise.all(
        [...certificates].map(([name, each]) => revocationList(find(name).maker, each, now)),
      )
      const text = lists.map((list) => encodePem('X509 CRL', list)).join('')
      await writeDurably(vendorRevocationsFile(directory), text, 0o644)
    },
  }
}

/** A default certificate that was made this long ago has expired, milliseconds: they last thirty years. */
const expiredMs = 31 * 365 * 24 * 3_600_000

/** How long a revocation list of a simulated maker counts, milliseconds. */
const listValidityMs = 365 * 24 * 3_600_000

function revocationList(maker: Maker, certificates: readonly Uint8Array[], now: number): Promise<Uint8Array> {
  const entries = certificates.map((der) => ({ serial: decodeCertificate(der).serial, revokedAt: now }))
  return buildRevocationList(
    {
      issuer: maker.issuer.subject,
      issuerKey: keyIdentifier(nodeCrypto, maker.issuer.publicKey),
      number: Math.floor(now / 1000),
      thisUpdate: now,
      nextUpdate: now + listValidityMs,
      entries,
    },
    maker.key,
  )
}

/** The certificate of a device without a maker's authority: it vouches for itself. */
export function selfSignedCredentials(identity: DeviceIdentity, now: number): Promise<DefaultCredentials> {
  return createDefaultCredentials(nodeCrypto, { identity, now, vendorName: 'Self-signed' })
}

function create(vendor: SimulatedVendor, now: number): Promise<Maker> {
  const { organization: vendorName, country, signature } = vendor
  return createVendorPki(nodeCrypto, { vendorName, country, issuerKey: keyKinds[signature], now })
}

interface FrozenVendor {
  readonly version: 1
  readonly root: string
  readonly intermediate: string
  readonly key: string
}

function frozen(vendor: SimulatedVendor, maker: Maker, sealingKey: Uint8Array): FrozenVendor {
  const key = maker.key.export() ?? new Uint8Array(0)
  return {
    version: 1,
    root: base64(maker.root),
    intermediate: base64(maker.issuer.der),
    key: base64(nodeCrypto.seal(sealingKey, key, place(vendor.name))),
  }
}

function revive(vendor: SimulatedVendor, bytes: Uint8Array, file: string, sealingKey: Uint8Array): Maker {
  let kept: FrozenVendor
  try {
    kept = JSON.parse(new TextDecoder().decode(bytes)) as FrozenVendor // its version is looked at first
    if (kept.version !== 1) throw new Error(`version ${String(kept.version)}`)
  } catch (cause) {
    throw new MalformedMessage(
      'bad-encoding',
      `${file}: expected a vendor authority of version 1; remove the directory to begin anew`,
      { cause },
    )
  }
  return {
    vendorName: vendor.organization,
    country: vendor.country,
    root: unbase64(kept.root),
    issuer: decodeCertificate(unbase64(kept.intermediate)),
    key: nodeCrypto.importKey(nodeCrypto.open(sealingKey, unbase64(kept.key), place(vendor.name))),
  }
}

function place(vendor: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(['cordon', 'vendor', vendor]))
}
