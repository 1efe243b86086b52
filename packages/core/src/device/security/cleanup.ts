import type { EPath } from '../../cip/epath.ts'
import type { DeviceContext } from '../context.ts'
import { defaultCertificateInstance, type SecuritySettings } from '../data.ts'
import { certificateOf, eraseCertificate, fileOf } from './references.ts'

/** File and Certificate Management instances that settings lead to. */
interface References {
  readonly files: Set<number>
  readonly certificates: Set<number>
}

function add(device: DeviceContext, found: References, paths: readonly EPath[]): void {
  for (const path of paths) {
    const file = fileOf(path)
    if (file !== undefined) found.files.add(file)
    const certificate = certificateOf(path)
    if (certificate !== undefined && !found.certificates.has(certificate)) {
      found.certificates.add(certificate)
      const data = device.data.certificates.get(certificate)
      if (data !== undefined) add(device, found, [data.device.path, data.ca.path])
    }
  }
}

function addSettings(device: DeviceContext, found: References, settings: SecuritySettings): void {
  add(device, found, settings.activeCertificates)
  add(device, found, settings.trustedAuthorities)
  add(device, found, settings.revocationLists)
  add(device, found, settings.trustedIdentities)
}

/** What the settings in force, and those begun, refer to. */
export function referencesInForce(device: DeviceContext): References {
  const found: References = { files: new Set(), certificates: new Set() }
  const { settings, pending } = device.data.ethernetIpSecurity
  addSettings(device, found, settings)
  if (pending !== undefined) addSettings(device, found, pending)
  return found
}

/**
 * Removes what nothing refers to: dynamic Certificate Management instances that 0x5E does not name, then dynamic files
 * that neither 0x5E nor a remaining instance names. Transfers under way and static instances stay (Object_Cleanup,
 * cip-security-wire 4.1).
 *
 * @returns how many instances are gone
 */
export function cleanUp(device: DeviceContext): number {
  const { certificates, files } = device.data
  const found = referencesInForce(device)
  let removed = 0
  for (const [instance, data] of certificates) {
    if (instance === defaultCertificateInstance || found.certificates.has(instance) || data.busy) continue
    eraseCertificate(data)
    certificates.delete(instance)
    removed++
  }
  for (const data of certificates.values()) add(device, found, [data.device.path, data.ca.path])
  for (const [instance, file] of files) {
    if (file.isStatic || file.transfer !== undefined || found.files.has(instance)) continue
    files.delete(instance)
    removed++
  }
  if (removed > 0) device.staged()
  return removed
}
