import { UsageError } from '@cordon/core/errors'
import { maximumFileLength } from '@cordon/core/policy'
import { type KnownDevices, type KnownPlant, parseKnown } from '@cordon/core/rehearsal'
import { readDeviceRecords, readUnitIdentities } from '@cordon/server/deploy'
import type { Store } from '@cordon/server/store'
import type { CommandContext } from './context.ts'
import { readBounded } from './input-file.ts'
import { openWorkspace } from './workspace.ts'

/** What deployments and readings have left in the store of this state, which is only read. */
export async function storedKnowledge(context: CommandContext, plant: string): Promise<KnownDevices> {
  await using workspace = await openWorkspace(context)
  return await knowledgeOf(workspace.store, plant)
}

/** What deployments and readings have left in an open store. */
export async function knowledgeOf(store: Store, plant: string): Promise<KnownDevices> {
  const [records, identities] = await Promise.all([readDeviceRecords(store, plant), readUnitIdentities(store, plant)])
  return new Map(
    [...records.values()].map(({ device, capabilities, configured, serial }) => {
      const unit = identities.get(device)
      const identity =
        unit === undefined
          ? serial === undefined
            ? {}
            : { identity: { serial } }
          : {
              identity: {
                vendor: unit.vendorId,
                type: unit.deviceType,
                product: unit.productCode,
                major: unit.major,
                minor: unit.minor,
                serial: unit.serialNumber,
                name: unit.productName,
              },
            }
      return [device, { configured, ...identity, ...(capabilities === undefined ? {} : { capabilities }) }]
    }),
  )
}

/** The file of `--known`. @throws UsageError `missing`, `bad-option` with every problem of the file */
export async function knownFile(file: string): Promise<KnownPlant> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readBounded(file, maximumFileLength))
  } catch (cause) {
    throw new UsageError('missing', `--known: cannot read ${file} as UTF-8 text`, { cause })
  }
  const { known, problems } = parseKnown(text, file)
  if (known !== undefined) return known
  const lines = problems.map(
    ({ line, column, message, expected }) => `${file}:${line}:${column}: ${message}; expected ${expected}`,
  )
  throw new UsageError('bad-option', lines.join('\n'))
}
