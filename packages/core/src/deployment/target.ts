import type { SubjectTemplate } from '../authority/authority.ts'
import type { KeyKind } from '../crypto/provider.ts'
import type { ExpectedIdentity, Plant } from '../policy/model.ts'
import type { DeviceSettings } from '../policy/settings.ts'
import { findSuite } from '../security/cipher-suites.ts'

/** What one device is to become: its compiled settings, and what its own certificate must say. */
export interface DeviceTarget {
  readonly settings: DeviceSettings
  readonly expect?: ExpectedIdentity | undefined
  /** Fingerprint of the default certificate, given beforehand. */
  readonly fingerprint?: string | undefined
  readonly dnsName?: string | undefined
  readonly certificate: CertificateWish
  /** The device keeps the certificate it has, whatever would speak for a new one. */
  readonly keepsCertificate?: boolean | undefined
}

/** What the operational certificate of a device must be like. */
export interface CertificateWish {
  readonly key: KeyKind
  readonly validityMs: number
  /** Share of the lifetime after which it is renewed, between 0 and 1. */
  readonly renewAt: number
  /** Milliseconds since 1970: a certificate that begins earlier is renewed now. Absent: only when it is due. */
  readonly beginsAfter?: number | undefined
  readonly subject: SubjectTemplate
}

/** What every device of a plant is to become, by name. */
export function targetsOf(
  plant: Plant,
  settings: ReadonlyMap<string, DeviceSettings>,
): ReadonlyMap<string, DeviceTarget> {
  const { device: issued, subject } = plant.authority
  const { organization, organizationalUnit, locality, state, country } = subject
  const certificate: CertificateWish = {
    ...issued,
    subject: {
      ...(organization === undefined ? {} : { organization }),
      ...(organizationalUnit === undefined ? {} : { organizationalUnit }),
      ...(locality === undefined ? {} : { locality }),
      ...(state === undefined ? {} : { state }),
      ...(country === undefined ? {} : { country }),
    },
  }
  const targets = new Map<string, DeviceTarget>()
  for (const device of plant.devices) {
    const own = settings.get(device.name)
    if (own === undefined) continue
    const { expect, fingerprint, dnsName } = device
    targets.set(device.name, { settings: own, certificate, expect, fingerprint, dnsName })
  }
  return targets
}

/** Whether the settings need a certificate of the device's own: any suite with ECDSA or RSA, as target or originator. */
export function needsCertificate(settings: Pick<DeviceSettings, 'allowedSuites' | 'originatorSuites'>): boolean {
  return [...settings.allowedSuites, ...settings.originatorSuites].some((id) => {
    const authentication = findSuite(id)?.authentication
    return authentication !== undefined && authentication !== 'psk'
  })
}

/** Whether the device is opened afterwards by a pre-shared key, because its suites know no certificates. */
export function opensByPsk(settings: Pick<DeviceSettings, 'allowedSuites'>): boolean {
  return (
    settings.allowedSuites.length > 0 && settings.allowedSuites.every((id) => findSuite(id)?.authentication === 'psk')
  )
}

/**
 * The zones whose issuing authorities go to attribute 7: the policy's, and the one of the manager's own credential where
 * any are listed at all.
 */
export function trustedZones(settings: Pick<DeviceSettings, 'authorities'>, managerZone: string): readonly string[] {
  const { authorities } = settings
  return authorities.length === 0 || authorities.includes(managerZone) ? authorities : [...authorities, managerZone]
}
