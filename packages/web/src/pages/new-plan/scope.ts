import type { Shapes } from '../../api-types.ts'

/** Which devices a plan reads. */
export const scopes = ['all', 'changed', 'zones', 'devices'] as const

/** A device with what decides whether it counts as changed. */
export type ScopedDevice = Pick<Shapes['Device'], 'name' | 'zone' | 'standing'>

/**
 * Devices that a change of the model concerns, and those that do not stand as the model wants them. A changed zone concerns all its
 * devices; a changed conduit the zones and devices that its name mentions; a change of the plant itself concerns everyone.
 */
export function changedDevices(
  changes: readonly Shapes['ModelChange'][],
  devices: readonly ScopedDevice[],
): readonly string[] {
  if (changes.some(({ what }) => what === 'plant' || what === 'authority')) return devices.map(({ name }) => name)
  const zones = new Set<string>()
  const names = new Set<string>()
  for (const { what, name } of changes) {
    if (what === 'zone') zones.add(name)
    else if (what === 'device') names.add(name)
    else for (const word of name.match(/[A-Za-z][A-Za-z0-9_-]*/g) ?? []) names.add(word)
  }
  return devices
    .filter(
      ({ name, zone, standing }) =>
        standing !== 'ok' || names.has(name) || (zone !== null && (zones.has(zone) || names.has(zone))),
    )
    .map(({ name }) => name)
}

/** Default certificates that a person compared: `Device:fingerprint`, separated by commas. */
export function parseCompared(text: string | undefined): Readonly<Record<string, string>> {
  const entries = (text ?? '').split(',').flatMap((part): [string, string][] => {
    const [, device, fingerprint] = /^([A-Za-z][A-Za-z0-9_-]{0,62}):([0-9a-f]{64})$/.exec(part) ?? []
    return device === undefined || fingerprint === undefined ? [] : [[device, fingerprint]]
  })
  return Object.fromEntries(entries)
}
