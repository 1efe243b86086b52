import { join } from 'node:path'
import { signVendorCertificate, vendorAuthorityContents, vendorContents, vendorSubject } from '@cordon/core/authority'
import type { KeyKind, PrivateKey } from '@cordon/core/crypto'
import type { DefaultCredentials } from '@cordon/core/device'
import { MalformedMessage } from '@cordon/core/errors'
import type { SimulatedIdentity, SimulatedVendor } from '@cordon/core/policy'
import { type Certificate, decodeCertificate, encodePem } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { readIfExists, writeDurably } from '@cordon/node/files'
import { base64, unbase64 } from './base64.ts'

/** A maker's authority: a root that people may trust, and the manufacturing authority that signs devices. */
interface VendorAuthority {
  readonly vendor: SimulatedVendor
  readonly root: Uint8Array
  readonly intermediate: Uint8Array
  readonly issuer: Certificate
  readonly key: PrivateKey
}

/** The simulated makers of a plant's devices. */
export interface VendorPki {
  /** Root certificates, DER: what `--trust-vendor` takes. */
  readonly roots: readonly Uint8Array[]
  /** A device's credentials as they leave this maker's factory. */
  issue(vendor: string, identity: SimulatedIdentity): Promise<DefaultCredentials>
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
  const authorities = new Map<string, VendorAuthority>()
  for (const vendor of vendors) {
    const file = join(directory, `vendor-${vendor.name}.json`)
    const kept = await readIfExists(file)
    const authority = kept === undefined ? await create(vendor, now) : revive(vendor, kept, file, sealingKey)
    if (kept === undefined) await writeDurably(file, JSON.stringify(frozen(authority, sealingKey)))
    authorities.set(vendor.name, authority)
  }
  const roots = [...authorities.values()].map((authority) => authority.root)
  await writeDurably(vendorRootsFile(directory), roots.map((root) => encodePem('CERTIFICATE', root)).join(''), 0o644)
  return {
    roots,
    issue: async (name, identity) => {
      const authority = authorities.get(name)
      if (authority === undefined) throw new MalformedMessage('unknown-value', `simulation: no vendor "${name}"`)
      const key = await nodeCrypto.generateKey('ecdsa-p256')
      const certificate = await signVendorCertificate(
        vendorContents(nodeCrypto, {
          subject: subjectOf(identity, authority.vendor),
          publicKey: key.publicKey,
          now,
          issuer: authority.issuer,
        }),
        authority.key,
      )
      return { key, chain: [certificate, authority.intermediate] }
    },
  }
}

/** The certificate of a device without a maker's authority: it vouches for itself. */
export async function selfSignedCredentials(identity: SimulatedIdentity, now: number): Promise<DefaultCredentials> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const subject = vendorSubject({
    vendorId: identity.vendor,
    serialNumber: identity.serial,
    product: identity.name,
    vendorName: 'Self-signed',
  })
  const certificate = await signVendorCertificate(
    vendorContents(nodeCrypto, { subject, publicKey: key.publicKey, now }),
    key,
  )
  return { key, chain: [certificate] }
}

function subjectOf(identity: SimulatedIdentity, vendor: SimulatedVendor): ReturnType<typeof vendorSubject> {
  return vendorSubject({
    vendorId: identity.vendor,
    serialNumber: identity.serial,
    product: identity.name,
    vendorName: vendor.organization,
    country: vendor.country,
  })
}

async function create(vendor: SimulatedVendor, now: number): Promise<VendorAuthority> {
  const rootKey = await nodeCrypto.generateKey('ecdsa-p384')
  const vendorName = vendor.organization
  const rootContents = vendorAuthorityContents(nodeCrypto, {
    vendorName,
    commonName: `${vendorName} Root`,
    publicKey: rootKey.publicKey,
    now,
  })
  const root = await signVendorCertificate(rootContents, rootKey)
  const key = await nodeCrypto.generateKey(keyKinds[vendor.signature])
  const contents = vendorAuthorityContents(nodeCrypto, {
    vendorName,
    commonName: `${vendorName} Manufacturing`,
    publicKey: key.publicKey,
    now,
    issuer: decodeCertificate(root),
  })
  const intermediate = await signVendorCertificate(contents, rootKey)
  return { vendor, root, intermediate, issuer: decodeCertificate(intermediate), key }
}

interface FrozenVendor {
  readonly version: 1
  readonly root: string
  readonly intermediate: string
  readonly key: string
}

function frozen(authority: VendorAuthority, sealingKey: Uint8Array): FrozenVendor {
  const key = authority.key.export() ?? new Uint8Array(0)
  return {
    version: 1,
    root: base64(authority.root),
    intermediate: base64(authority.intermediate),
    key: base64(nodeCrypto.seal(sealingKey, key, place(authority.vendor.name))),
  }
}

function revive(vendor: SimulatedVendor, bytes: Uint8Array, file: string, sealingKey: Uint8Array): VendorAuthority {
  let kept: FrozenVendor
  try {
    kept = JSON.parse(new TextDecoder().decode(bytes)) as FrozenVendor
    if (kept.version !== 1) throw new Error(`version ${String(kept.version)}`)
  } catch (cause) {
    throw new MalformedMessage(
      'bad-encoding',
      `${file}: expected a vendor authority of version 1; remove the directory to begin anew`,
      { cause },
    )
  }
  const intermediate = unbase64(kept.intermediate)
  return {
    vendor,
    root: unbase64(kept.root),
    intermediate,
    issuer: decodeCertificate(intermediate),
    key: nodeCrypto.importKey(nodeCrypto.open(sealingKey, unbase64(kept.key), place(vendor.name))),
  }
}

function place(vendor: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(['cordon', 'vendor', vendor]))
}
