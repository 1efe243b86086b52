import { stagedPlant, type Stages } from '@cordon/core/policy'
import type { PlantModel } from '../jobs/kinds/world.ts'
import type { PlantMeans } from '../plants/means.ts'
import { currentStages } from '../plants/stages.ts'
import { readModel } from '../plants/versions.ts'
import { vendorAnchorCertificates } from '../settings/anchors.ts'

/**
 * A version of a plant as jobs take it: with its zones as far in force as people set them, so that what is deployed,
 * verified and compared is the same.
 */
export async function stagedModel(means: PlantMeans, plant: string, version: number | undefined): Promise<PlantModel> {
  const { plant: whole, capabilities } = await readModel(means, plant, version)
  const entries = await currentStages(means.store, plant)
  // A zone that an earlier version had may have a stage still.
  const stages: Stages = new Map(
    whole.zones.flatMap(({ name }) => {
      const entry = entries.get(name)
      return entry === undefined ? [] : [[name, entry.stage] as const]
    }),
  )
  return {
    plant: stagedPlant(whole, stages),
    capabilities,
    vendorAnchors: await vendorAnchorCertificates(means.store),
  }
}
