import type { CertificateProfile } from '@cordon/core/authority'
import { decodeCertificate } from '@cordon/core/x509'
import { type CertificateInUse, certificatesInUse } from './in-use.ts'
import type { Means } from './means.ts'
import { readGenerationStatus, rolloverCommand } from './rollover.ts'
import { isProvisioning } from './signers.ts'

/**
 * What renews something that ends. `pull`: the device enrolls again by itself. `push`: a deployment or a command brings
 * a new one. `automatic`: Cordon itself, when it next works. `rollover`: a new generation. `nothing`: a person must act.
 */
export type Renewal = 'pull' | 'push' | 'automatic' | 'rollover' | 'nothing'

/** Something of the authority that ends. */
export interface Expiring {
  readonly kind: 'certificate' | 'authority' | 'list'
  /** The device, client, server or CA. */
  readonly name: string
  readonly zone: string | undefined
  /** Undefined for a list. */
  readonly profile: CertificateProfile | undefined
  /** Serial number, lower-case hex, or number of a list. */
  readonly serial: string
  /** Milliseconds since 1970; in the past for what has expired and is still in use. */
  readonly notAfter: number
  readonly renewal: Renewal
  /** What will happen or is to be done, in words. */
  readonly remedy: string
}

/** Everything that ends within a time, the earliest first: certificates in use, CAs that are trusted, newest lists. */
export async function readExpiring(means: Means, withinMs: number): Promise<readonly Expiring[]> {
  const until = means.now() + withinMs
  const all = [
    ...(await certificates(means)),
    ...(await authorities(means)),
    ...(await provisioningAuthorities(means)),
    ...(await lists(means)),
  ]
  return all.filter(({ notAfter }) => notAfter <= until).sort((a, b) => a.notAfter - b.notAfter)
}

async function certificates(means: Means): Promise<readonly Expiring[]> {
  return (await certificatesInUse(means.store.db)).map((row) => ({
    kind: 'certificate',
    name: row.name,
    zone: row.zone ?? undefined,
    profile: row.profile,
    serial: row.serial,
    notAfter: row.not_after.getTime(),
    ...renewalOf(row),
  }))
}

function renewalOf(row: CertificateInUse): Pick<Expiring, 'renewal' | 'remedy'> {
  const { name, profile } = row
  if (row.is_kept) return { renewal: 'automatic', remedy: 'Cordon renews it when it next uses it' }
  // A push ends the pull: from then on the identity is the manager's to renew.
  if (row.is_held) return { renewal: 'push', remedy: `cordon ca renew ${name}` }
  if (row.is_enrolled) return { renewal: 'pull', remedy: 'the device enrolls again by itself' }
  if (profile === 'device') {
    return { renewal: 'nothing', remedy: 'no device is known to use it; revoke it, or commission the device' }
  }
  if (profile === 'client') return { renewal: 'nothing', remedy: `cordon ca issue --client ${name}` }
  return { renewal: 'nothing', remedy: 'issue another one where it is still needed' }
}

async function authorities(means: Means): Promise<readonly Expiring[]> {
  const generations = await readGenerationStatus(means)
  return generations
    .filter(({ state }) => state !== 'retired')
    .map(({ id, zone, state, notAfter }) => {
      const step = state === 'retiring' ? 'retire' : state === 'next' ? 'activate' : 'prepare'
      return {
        kind: 'authority',
        name: id,
        zone,
        profile: zone === undefined ? 'root' : 'issuing',
        serial: '',
        notAfter,
        renewal: 'rollover',
        remedy: rolloverCommand(zone, step),
      }
    })
}

/** A provisioning CA has no next generation: another one takes its place. */
async function provisioningAuthorities({ store }: Means): Promise<readonly Expiring[]> {
  const rows = await store.db.selectFrom('authorities').selectAll().where('state', '!=', 'retired').execute()
  return rows
    .filter(({ zone }) => isProvisioning(zone))
    .map(({ id, zone, certificate }) => ({
      kind: 'authority',
      name: id,
      zone: zone ?? undefined,
      profile: 'root',
      serial: '',
      notAfter: decodeCertificate(new Uint8Array(certificate)).notAfter,
      renewal: 'nothing',
      remedy: 'begin another one: cordon enrollment provisioning issue --authority NAME',
    }))
}

async function lists(means: Means): Promise<readonly Expiring[]> {
  const rows = await means.store.db
    .selectFrom('revocation_lists as l')
    .innerJoin('authorities as a', (join) =>
      join.onRef('a.id', '=', 'l.issuer_id').onRef('a.crl_number', '=', 'l.number'),
    )
    .select(['a.id', 'a.zone', 'l.number', 'l.next_update'])
    .where('a.state', '!=', 'retired')
    .execute()
  return rows.map(({ id, zone, number, next_update: nextUpdate }) => ({
    kind: 'list',
    name: id,
    zone: zone ?? undefined,
    profile: undefined,
    serial: String(number),
    notAfter: nextUpdate.getTime(),
    renewal: 'push',
    // No device holds the list of a provisioning CA.
    remedy: isProvisioning(zone)
      ? `cordon ca crl ${zone}`
      : `cordon ca crl --push --plant PLANT${zone === null ? '' : ` ${zone}`}`,
  }))
}
