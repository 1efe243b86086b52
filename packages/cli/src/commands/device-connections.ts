import { join } from 'node:path'
import { readdir } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { TableName, Tables } from '@cordon/core/tables'
import { openPageClient } from '@cordon/node/pages'
import { keyLogWarning } from '@cordon/node/transports'
import { PlantControl } from '@cordon/simulator/control'
import { connectionsTable } from '../connections-table.ts'
import type { CommandContext } from '../context.ts'
import { deviceTablesText } from '../device-tables-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { isProblems, printProblems, readPlantFiles } from '../plant-file.ts'

interface DeviceConnectionsFlags {
  readonly directory?: string
  readonly page?: TableName
  readonly plant?: string
  readonly from?: string
}

/** `cordon device connections [TARGET]` */
export async function run(
  context: CommandContext,
  flags: DeviceConnectionsFlags,
  target: string | undefined,
): Promise<ExitCode> {
  if (target !== undefined) return deviceTables(context, flags, target)
  await using control = await PlantControl.connect(flags.directory ?? (await onlyPlant(context.state)))
  const { connections, keyLog } = await control.call('connections', {})
  if (keyLog !== undefined) context.output.note(keyLogWarning(keyLog))
  const told = keyLog === undefined ? {} : { keyLog }
  context.output.document({ connections, ...told }, () => connectionsTable(context.output, connections))
  return exitCodes.ok
}

async function deviceTables(context: CommandContext, flags: DeviceConnectionsFlags, target: string): Promise<ExitCode> {
  const { output, signal, settings } = context
  const place = await placeOf(context, flags, target)
  if (place === undefined) return exitCodes.usage
  const localAddress = flags.from ?? settings['localAddress']
  const client = openPageClient({ ...place, ...(localAddress === undefined ? {} : { localAddress }) })
  try {
    if (flags.page !== undefined) {
      const document = await client.read(flags.page, signal)
      output.document(document, () => deviceTablesText(output, { [flags.page ?? 'tcp']: document.data }))
      return exitCodes.ok
    }
    const { device, address, at, data: tcp } = await client.read('tcp', signal)
    const tables: Partial<Tables> = {
      tcp,
      tls: (await client.read('tls', signal)).data,
      dtls: (await client.read('dtls', signal)).data,
      bridge: (await client.read('bridge', signal)).data,
    }
    output.document({ device, address, at, ...tables }, () => deviceTablesText(output, tables))
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof TransportError) || error.code !== 'refused') throw error
    const why = 'it has no pages, or its policy closed them (tcp/80)'
    throw new TransportError('refused', `${target} shows no tables: ${why}: ${error.message}`, { cause: error })
  } finally {
    client.close()
  }
}

/** Where the pages of a target are; undefined after the problems of its plant file were printed. */
async function placeOf(
  { output }: CommandContext,
  { plant }: DeviceConnectionsFlags,
  target: string,
): Promise<{ readonly address: string; readonly ports?: readonly number[] } | undefined> {
  const [host = '', port] = target.split(':', 2)
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535))
    throw new UsageError('bad-value', `expected an address or address:port, got ${target}`)
  const at = port === undefined ? {} : { ports: [Number(port)] }
  if (isIPv4(host)) return { address: host, ...at }
  if (plant === undefined)
    throw new UsageError('bad-value', `expected an IPv4 address, got ${target}; a name needs --plant FILE`)
  const files = await readPlantFiles(plant)
  if (isProblems(files)) {
    printProblems(output, files)
    return undefined
  }
  const found = files.plant.devices.find(({ name }) => name === host)
  if (found === undefined) throw new UsageError('missing', `${files.plant.name} has no device "${host}"`)
  if (found.address === undefined)
    throw new UsageError('missing', `${host} has no address of its own: ask the module of its chassis`)
  return { address: found.address, ...at }
}

/** The one virtual plant of this state. @throws UsageError where there is none, or several */
async function onlyPlant(state: string): Promise<string> {
  const root = join(state, 'virtual')
  const plants = await readdir(root).catch(() => [])
  const [plant, another] = plants
  if (plant === undefined)
    throw new UsageError(
      'missing',
      `no virtual plant has state in ${root}; start one with "cordon simulate PLANT", or name its --directory`,
    )
  if (another !== undefined)
    throw new UsageError('missing', `${root} has ${plants.join(', ')}; say which with --directory`)
  return join(root, plant)
}
