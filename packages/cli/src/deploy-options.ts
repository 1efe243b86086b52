import { readFile } from 'node:fs/promises'
import { UsageError } from '@cordon/core/errors'
import type { DeploymentEvent } from '@cordon/core/deployment'
import type { Capabilities, Plant } from '@cordon/core/policy'
import { decodePem } from '@cordon/core/x509'
import { keyLogFile } from '@cordon/node/transports'
import type { ApplyOptions } from '@cordon/server/deploy'
import type { CommandContext } from './context.ts'

/** Flags that plan and apply share. */
export interface DeployFlags {
  readonly only?: readonly string[]
  readonly trustVendor?: readonly string[]
  readonly fingerprint?: readonly string[]
  readonly acceptSelfSigned?: readonly string[]
  readonly concurrency: string
  readonly from?: string
  readonly keyLog?: string
}

/** A plant with the fingerprints that were given on the command line. @throws UsageError `bad-option` */
export function withFingerprints(plant: Plant, flags: readonly string[] | undefined): Plant {
  const given = new Map<string, string>()
  for (const flag of flags ?? []) {
    const [device = '', text = ''] = flag.split('=')
    const print = text.replaceAll(':', '').toLowerCase()
    if (!/^[0-9a-f]{64}$/.test(print))
      throw new UsageError('bad-option', `--fingerprint expects DEVICE=SHA256 with 64 hex digits, got "${flag}"`)
    if (!plant.devices.some(({ name }) => name === device))
      throw new UsageError('bad-option', `--fingerprint: the plant has no device "${device}"`)
    given.set(device, print)
  }
  if (given.size === 0) return plant
  return {
    ...plant,
    devices: plant.devices.map((device) => ({ ...device, fingerprint: given.get(device.name) ?? device.fingerprint })),
  }
}

/** @throws UsageError `bad-option` for a name that is no device of the plant */
export function namesOfPlant(plant: Plant, devices: readonly string[]): void {
  for (const device of devices) {
    if (plant.devices.some(({ name }) => name === device)) continue
    const known = plant.devices.map(({ name }) => name).join(', ')
    throw new UsageError('bad-option', `the plant has no device "${device}"; it has ${known}`)
  }
}

/** How devices are reached by a command that changes what they hold and deploys no plan. */
export function reachOptions(
  context: CommandContext,
  capabilities: Capabilities,
  from: string | undefined,
): Pick<ApplyOptions, 'signal' | 'capabilities' | 'localAddress'> {
  const localAddress = from ?? context.settings['localAddress']
  return { signal: context.signal, capabilities, ...(localAddress === undefined ? {} : { localAddress }) }
}

/** Shows each step at a device as progress. */
export function deviceSteps(show: (text: string) => void): (event: DeploymentEvent) => void {
  return (event) => {
    if (event.kind === 'step') show(`${event.device}: ${event.step}`)
  }
}

/** The flags as a deployment takes them. @throws UsageError `bad-option`, `missing` */
export async function deployOptions(context: CommandContext, plant: Plant, flags: DeployFlags): Promise<ApplyOptions> {
  const concurrency = Number(flags.concurrency)
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1024) {
    throw new UsageError('bad-option', `--concurrency expects 1 to 1024, got "${flags.concurrency}"`)
  }
  namesOfPlant(plant, [...(flags.only ?? []), ...(flags.acceptSelfSigned ?? [])])
  const vendorAnchors: Uint8Array[] = []
  for (const file of flags.trustVendor ?? []) vendorAnchors.push(...(await vendorRoots(file)))
  const localAddress = flags.from ?? context.settings['localAddress']
  return {
    concurrency,
    vendorAnchors,
    signal: context.signal,
    ...(flags.only === undefined ? {} : { onlyDevices: flags.only }),
    ...(flags.acceptSelfSigned === undefined ? {} : { acceptSelfSigned: flags.acceptSelfSigned }),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(flags.keyLog === undefined ? {} : { keyLog: keyLogFile(flags.keyLog) }),
  }
}

/** The CA certificates of a PEM file. @throws UsageError `missing`, `bad-value` */
export async function vendorRoots(file: string): Promise<readonly Uint8Array[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new UsageError('missing', `--trust-vendor: cannot read ${file}`, { cause })
  }
  const roots = decodePem(text)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ bytes }) => bytes)
  if (roots.length === 0) throw new UsageError('bad-value', `--trust-vendor: ${file} has no certificate in PEM form`)
  return roots
}
