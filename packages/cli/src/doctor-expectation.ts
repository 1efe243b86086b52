import { type Capabilities, managerAuthority } from '@cordon/core/policy'
import { expectationOf, type PlantExpectation } from '@cordon/node/doctor'
import { listPsks, managerCredential, managerOf, readDeviceRecords, storedSecrets } from '@cordon/server/deploy'
import type { CommandContext } from './context.ts'
import type { PlantFiles } from './plant-file.ts'
import { authorityPlan, openWorkspace, type Workspace } from './workspace.ts'

/** What the manager of a plant knows of the device at an address, out of the state directory. */
export async function doctorExpectation(
  context: CommandContext,
  { plant, capabilities }: PlantFiles,
  address: string,
): Promise<PlantExpectation> {
  await using workspace = await openWorkspace(context)
  const { authority, store } = workspace
  const plan = authorityPlan(plant)
  const anchors: Record<string, readonly Uint8Array[]> = {}
  const lists: Uint8Array[] = []
  const certificates: Record<string, Uint8Array> = {}
  let manager: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array } | undefined
  // A plant of pre-shared keys alone has no authority to ask.
  if (plan.zones.length > 0) {
    await authority.initialize(plan)
    for (const zone of new Set([...plan.zones, managerAuthority(plant)])) {
      anchors[zone] = await authority.anchors(zone)
      lists.push(...(await authority.crls(zone)))
    }
    const credential = await managerCredential(store, authority, managerOf(plant))
    const key = credential.key.export()
    if (key !== undefined) manager = { chain: credential.chain, key }
    for (const record of await authority.list()) {
      // Oldest first, so the newest stays.
      if (record.profile === 'device') certificates[record.name] = record.certificate
    }
  }
  return expectationOf(
    {
      plant,
      anchors,
      lists,
      certificates,
      psk: await keysOf(workspace),
      capabilities: await lastCapabilities(workspace, plant.name, capabilities),
      ...(manager === undefined ? {} : { manager }),
    },
    address,
  )
}

/** What devices can do: as the files say, and as they said themselves when they were last read. */
async function lastCapabilities({ store }: Workspace, plant: string, described: Capabilities): Promise<Capabilities> {
  const known = new Map(described)
  for (const { device, capabilities } of (await readDeviceRecords(store, plant)).values()) {
    if (capabilities !== undefined) known.set(device, { ...described.get(device), ...capabilities })
  }
  return known
}

/** Every pre-shared key of the state, by name. */
async function keysOf({
  store,
}: Workspace): Promise<Readonly<Record<string, { readonly identity: Uint8Array; readonly key: Uint8Array }>>> {
  const keys: Record<string, { readonly identity: Uint8Array; readonly key: Uint8Array }> = {}
  for (const { name, identity } of await listPsks(store)) {
    const key = await storedSecrets(store).psk(name)
    if (key !== undefined) keys[name] = { identity: new TextEncoder().encode(identity), key }
  }
  return keys
}
