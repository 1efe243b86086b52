import type { Crypto } from '../crypto/provider.ts'
import { fingerprint } from '../x509/certificate.ts'
import type { Materials } from './materials.ts'
import { type DeviceReading, pskIdentityText } from './observe.ts'
import { StepFailure } from './step.ts'
import type { DeviceTarget } from './target.ts'

/** Whether a device accepts certificates of a zone, or one of these single ones: then it needs to hear of revocations. */
export function trusts(
  reading: DeviceReading,
  zone: string,
  certificates: readonly string[],
  materials: Materials,
  crypto: Crypto,
): boolean {
  const byAuthority = reading.authorities.some(({ contents }) => contents.some((der) => materials.zoneOf(der) === zone))
  const single = reading.identities.some(({ contents }) =>
    contents.some((der) => certificates.includes(fingerprint(crypto, der))),
  )
  return byAuthority || single
}

/**
 * A target that leaves a device as it was read, except for what the authority says now: newer revocation lists arrive,
 * certificates that were revoked leave the trusted identities. Nothing else changes, whatever the plant file says meanwhile.
 *
 * @throws StepFailure `changed-since-plan` for a device that trusts a certificate which is not of this plant
 */
export function targetAsItIs(reading: DeviceReading, zone: string, materials: Materials, crypto: Crypto): DeviceTarget {
  const { security } = reading
  const foreign = (der: Uint8Array): never => {
    throw new StepFailure(
      'changed-since-plan',
      `it trusts a certificate that is not of this plant, SHA-256 ${fingerprint(crypto, der)}`,
    )
  }
  const zones = reading.authorities.flatMap(({ contents }) =>
    contents.map((der) => materials.zoneOf(der) ?? foreign(der)),
  )
  const holders = reading.identities
    .flatMap(({ contents }) => contents)
    .filter((der) => !materials.isRevoked(der))
    .map((der) => materials.holderOf(der) ?? foreign(der))
  return {
    settings: {
      device: reading.device,
      address: reading.address,
      zone,
      enforcement: 'authorities',
      allowedSuites: security.allowedSuites,
      originatorSuites: security.allowedOriginatorSuites ?? [],
      verifyClient: security.verifyClient,
      sendChain: security.sendChain,
      checkExpiration: security.checkExpiration,
      checkName: security.checkName,
      dtlsTimeoutS: security.dtlsTimeout,
      authorities: [...new Set(zones)],
      identities: [...new Set(holders)].filter((name) => materials.issued(name).length > 0),
      psk: security.preSharedKeys.map(({ identity, usage }) => {
        const text = pskIdentityText(identity)
        return { name: text, identity: text, usage }
      }),
      rules: undefined,
      ports: [],
      promises: [],
    },
    certificate: { key: 'ecdsa-p256', validityMs: 0, renewAt: 1, subject: {} },
    keepsCertificate: true,
  }
}
