import type { Plant } from '@cordon/core/policy'
import type { DeployOptions } from '../../deploy/prepare.ts'
import type { JobWork } from '../kind.ts'
import type { PlanParameters } from '../parameters.ts'
import type { JobWorld, PlantModel } from './world.ts'

/** How devices are treated by what people chose. */
export function treatment(
  { localAddress }: Pick<JobWorld, 'localAddress'>,
  { capabilities, vendorAnchors }: Omit<PlantModel, 'plant'>,
  parameters: PlanParameters,
  only: readonly string[] | undefined,
  { job, signal }: Pick<JobWork, 'job' | 'signal'>,
): DeployOptions {
  const { closeConnections, closePorts, renew, acceptSelfSigned } = parameters
  return {
    signal,
    capabilities,
    vendorAnchors,
    localAddress,
    ...(only === undefined ? {} : { onlyDevices: only }),
    ...(closeConnections === undefined ? {} : { closeConnections }),
    ...(closePorts === undefined ? {} : { closePorts }),
    ...(renew === undefined ? {} : { renew, renewSince: Date.parse(job.startedAt ?? job.requestedAt) }),
    ...(acceptSelfSigned === undefined ? {} : { acceptSelfSigned }),
  }
}

/** A plant with the fingerprints of default certificates that a person compared. */
export function compared(plant: Plant, { fingerprints = {} }: PlanParameters): Plant {
  const given = new Map(Object.entries(fingerprints))
  if (given.size === 0) return plant
  const devices = plant.devices.map((device) => ({
    ...device,
    fingerprint: given.get(device.name) ?? device.fingerprint,
  }))
  return { ...plant, devices }
}
