import { answered } from '@cordon/client'
import { UsageError } from '@cordon/core/errors'
import { readFile, writeFile } from 'node:fs/promises'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, pairs, table } from '../output.ts'
import { plantSources } from './plant-text.ts'
import { type Api, managerClient } from './manager.ts'

/** A version number of a command line. @throws UsageError `bad-option` */
function versionOf(text: string): number {
  const version = Number(text)
  if (!Number.isInteger(version) || version < 1)
    throw new UsageError('bad-option', `expected the number of a version, such as 3, got "${text}"`)
  return version
}

/** `cordon plant list` */
export async function list(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const plants = await answered(client.GET('/api/v1/plants', {}))
  output.document(plants, () =>
    table(
      output,
      plants.items,
      [
        { title: 'plant', value: ({ name }) => name },
        { title: 'version', value: ({ version }) => String(version) },
        { title: 'devices', value: ({ devices }) => String(devices) },
        { title: 'zones', value: ({ zones }) => String(zones) },
        { title: 'deployed', value: ({ deployed }) => (deployed === null ? 'never' : deployed.outcome) },
        { title: 'drift', value: ({ drift }) => (drift === 0 ? '-' : output.state('bad', String(drift))) },
        { title: 'saved', value: ({ savedAt, author }) => `${savedAt} by ${author}`, rank: 1 },
      ],
      'no plants; save one with "cordon plant save plant.yaml -m TEXT"',
    ),
  )
  return exitCodes.ok
}

function versionTable(output: Output, versions: readonly Api['Version'][]): string {
  return table(output, versions, [
    { title: 'version', value: ({ version }) => String(version) },
    { title: 'saved', value: ({ savedAt }) => savedAt },
    { title: 'by', value: ({ author }) => author },
    { title: 'message', value: ({ message }) => message },
    { title: 'devices', value: ({ devices }) => String(devices), rank: 1 },
  ])
}

/** `cordon plant versions PLANT` */
export async function versions(context: CommandContext, _: unknown, plant: string): Promise<ExitCode> {
  const client = await managerClient(context)
  const params = { path: { plant }, query: { limit: 200 } }
  const page = await answered(client.GET('/api/v1/plants/{plant}/versions', { params }))
  context.output.document(page, () => versionTable(context.output, page.items))
  return exitCodes.ok
}

/** `cordon plant save FILE`: a new plant, or a new version of one. */
export async function save(
  context: CommandContext,
  { message, base }: { readonly message: string; readonly base?: string },
  file: string,
): Promise<ExitCode> {
  const { output } = context
  const { text, simulation } = await plantSources(file)
  const client = await managerClient(context)
  const checked = await answered(client.POST('/api/v1/plants/validate', { body: { text, simulation } }))
  if (!checked.valid || checked.summary === null) {
    output.document(checked, () =>
      checked.problems
        .map(
          (one) =>
            `${file}:${one.line}:${one.column} ${one.message}${one.remedy === undefined ? '' : `; ${one.remedy}`}`,
        )
        .join('\n'),
    )
    return exitCodes.usage
  }
  const { name } = checked.summary
  const { items } = await answered(client.GET('/api/v1/plants', {}))
  const existing = items.find((plant) => plant.name === name)
  const version =
    existing === undefined
      ? await answered(client.POST('/api/v1/plants', { body: { text, simulation, message } }))
      : await answered(
          client.POST('/api/v1/plants/{plant}/versions', {
            params: { path: { plant: name } },
            body: { text, simulation, message, base: base === undefined ? existing.version : versionOf(base) },
          }),
        )
  output.document({ plant: name, ...version }, () => `${name}: version ${version.version} is saved`)
  return exitCodes.ok
}

/** `cordon plant text PLANT [VERSION]` */
export async function text(
  context: CommandContext,
  { file }: { readonly file?: string },
  plant: string,
  version?: string,
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const number =
    version === undefined
      ? (await answered(client.GET('/api/v1/plants/{plant}', { params: { path: { plant } } }))).version
      : versionOf(version)
  const params = { path: { plant, version: number } }
  const found = await answered(client.GET('/api/v1/plants/{plant}/versions/{version}', { params }))
  if (file !== undefined) {
    await writeFile(file, found.text, { flag: 'wx' }).catch((cause: unknown) => {
      throw new UsageError('bad-option', `--file: ${file} cannot be made; it may be there already`, { cause })
    })
    output.note(`version ${number} of ${plant} is in ${file}`)
    return exitCodes.ok
  }
  output.document(found, () => found.text)
  return exitCodes.ok
}

/** `cordon plant diff PLANT FROM TO` */
export async function diff(
  context: CommandContext,
  _: unknown,
  plant: string,
  from: string,
  to: string,
): Promise<ExitCode> {
  const client = await managerClient(context)
  const params = { path: { plant }, query: { from: versionOf(from), to: versionOf(to) } }
  const found = await answered(client.GET('/api/v1/plants/{plant}/difference', { params }))
  context.output.document(found, () =>
    [
      table(
        context.output,
        found.changes,
        [
          { title: 'change', value: ({ kind }) => kind },
          { title: 'what', value: ({ what, name }) => `${what} ${name}` },
          { title: 'fields', value: ({ fields }) => fields.join(', ') },
        ],
        'they mean the same',
      ),
      '',
      found.text,
    ].join('\n'),
  )
  return exitCodes.ok
}

/** `cordon plant restore PLANT VERSION` */
export async function restore(
  context: CommandContext,
  { message }: { readonly message: string },
  plant: string,
  version: string,
): Promise<ExitCode> {
  const client = await managerClient(context)
  const { version: base } = await answered(client.GET('/api/v1/plants/{plant}', { params: { path: { plant } } }))
  const saved = await answered(
    client.POST('/api/v1/plants/{plant}/versions/{version}/restore', {
      params: { path: { plant, version: versionOf(version) } },
      body: { base, message },
    }),
  )
  context.output.document(saved, () => `${plant}: version ${saved.version} is what version ${version} was`)
  return exitCodes.ok
}

/** `cordon plant stage PLANT [ZONE=STAGE…]` */
export async function stage(
  context: CommandContext,
  { message }: { readonly message?: string },
  plant: string,
  settings: readonly string[],
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const path = { plant }
  const wanted = settings.map((setting) => {
    const [, zone, word] = /^([^=]+)=(observe|protect|enforce)$/.exec(setting) ?? []
    if (zone === undefined || word === undefined)
      throw new UsageError('bad-option', `expected ZONE=observe, ZONE=protect or ZONE=enforce, got "${setting}"`)
    return [zone, word as 'observe' | 'protect' | 'enforce'] as const
  })
  const list =
    wanted.length === 0
      ? await answered(client.GET('/api/v1/plants/{plant}/stages', { params: { path } }))
      : await answered(
          client.PUT('/api/v1/plants/{plant}/stages', {
            params: { path },
            body: { stages: Object.fromEntries(wanted), message: message ?? 'by the command line' },
          }),
        )
  output.document(list, () =>
    table(output, list.items, [
      { title: 'zone', value: ({ zone }) => zone },
      { title: 'stage', value: ({ stage: word }) => word },
      { title: 'what that means', value: ({ consequence }) => consequence },
      { title: 'since', value: ({ since, by }) => (since === null ? '-' : `${since} by ${by ?? '?'}`), rank: 1 },
    ]),
  )
  return exitCodes.ok
}

/** `cordon plant dry-run PLANT`: which observed connections would break. */
export async function dryRun(
  context: CommandContext,
  { file }: { readonly file?: string },
  plant: string,
): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const body = file === undefined ? {} : { text: await readFile(file, 'utf8') }
  const result = await answered(client.POST('/api/v1/plants/{plant}/dry-run', { params: { path: { plant } }, body }))
  output.document(result, () =>
    [
      table(
        output,
        result.breaks,
        [
          { title: 'from', value: ({ from, fromName }) => fromName ?? from },
          { title: 'to', value: ({ to, toName }) => toName ?? to },
          { title: 'why it would break', value: ({ reason }) => reason },
          { title: 'remedy', value: ({ remedy }) => remedy, rank: 1 },
        ],
        'none of the observed connections would break',
      ),
      `${result.breaks.length} of ${result.connections} connections, observed ${result.observedAt ?? 'never: see "cordon connections"'}`,
    ].join('\n'),
  )
  return result.breaks.length === 0 ? exitCodes.ok : exitCodes.error
}

/** `cordon plant propose PLANT`: a plant file from what was observed. */
export async function propose(context: CommandContext, _: unknown, plant: string): Promise<ExitCode> {
  const client = await managerClient(context)
  const result = await answered(client.POST('/api/v1/plants/{plant}/propose', { params: { path: { plant } } }))
  for (const note of result.notes) context.output.note(note)
  context.output.document(result, () => result.text)
  return exitCodes.ok
}

/** `cordon plant discovered PLANT` */
export async function discovered(context: CommandContext, _: unknown, plant: string): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const found = await answered(client.GET('/api/v1/plants/{plant}/discovered', { params: { path: { plant } } }))
  output.document(found, () => discoveredTable(output, found.items))
  return exitCodes.ok
}

/** What answered, for people. */
export function discoveredTable(output: Output, items: readonly Api['Discovered'][]): string {
  return table(
    output,
    items,
    [
      { title: 'address', value: ({ address }) => address },
      { title: 'product', value: ({ identity }) => identity?.productName ?? '-' },
      {
        title: 'CIP Security',
        value: ({ securityState, capable }) => securityState ?? (capable ? 'capable' : 'not capable'),
      },
      { title: 'device', value: ({ device }) => device ?? '-' },
      { title: 'inbox', value: ({ state }) => state },
      { title: 'last seen', value: ({ lastSeen }) => lastSeen, rank: 1 },
    ],
    'nothing answered yet; search with "cordon discover"',
  )
}

/** `cordon plant adopt PLANT NAME=ADDRESS…` */
export async function adopt(
  context: CommandContext,
  { zone, newZone, message }: { readonly zone: string; readonly newZone?: boolean; readonly message: string },
  plant: string,
  pairsGiven: readonly string[],
): Promise<ExitCode> {
  const client = await managerClient(context)
  const devices = pairsGiven.map((pair) => {
    const [, name, address] = /^([^=]+)=(.+)$/.exec(pair) ?? []
    if (name === undefined || address === undefined)
      throw new UsageError('bad-option', `expected NAME=ADDRESS, got "${pair}"`)
    return { name, address, zone }
  })
  const { version: base } = await answered(client.GET('/api/v1/plants/{plant}', { params: { path: { plant } } }))
  const promises = { authentication: 'certificate', messaging: 'confidentiality', io: 'integrity' }
  const saved = await answered(
    client.POST('/api/v1/plants/{plant}/discovered/adopt', {
      params: { path: { plant } },
      body: { base, devices, message, ...(newZone === true ? { newZone: { name: zone, ...promises } } : {}) },
    }),
  )
  context.output.document(
    saved,
    () => `${plant}: version ${saved.version} has ${devices.length} more devices in ${zone}`,
  )
  return exitCodes.ok
}

/** `cordon plant show PLANT` */
export async function show(context: CommandContext, _: unknown, plant: string): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const params = { path: { plant } }
  const [about, zones, conduits] = await Promise.all([
    answered(client.GET('/api/v1/plants/{plant}', { params })),
    answered(client.GET('/api/v1/plants/{plant}/zones', { params })),
    answered(client.GET('/api/v1/plants/{plant}/conduits', { params })),
  ])
  output.document({ plant: about, zones: zones.items, conduits: conduits.items }, () =>
    [
      pairs(output, [
        ['plant', `${about.name}, version ${about.version} of ${about.savedAt} by ${about.author}`],
        ['deployed', about.deployed === null ? 'never' : `${about.deployed.outcome} at ${about.deployed.at}`],
        ['drift', about.drift === 0 ? 'none' : output.state('bad', `${about.drift} differences`)],
        [
          'certificates',
          about.expiring === 0 ? 'none ends soon' : output.state('warning', `${about.expiring} end soon`),
        ],
      ]),
      '',
      table(output, zones.items, [
        { title: 'zone', value: ({ name }) => name },
        { title: 'devices', value: ({ devices }) => String(devices) },
        { title: 'stage', value: ({ stage: word }) => word },
        { title: 'messaging', value: ({ messaging }) => messaging },
        { title: 'io', value: ({ io }) => io },
        { title: 'in order', value: ({ standings }) => String(standings.ok) },
        { title: 'failed', value: ({ standings }) => String(standings.failed), rank: 1 },
        { title: 'drift', value: ({ standings }) => String(standings.drift), rank: 1 },
      ]),
      '',
      table(
        output,
        conduits.items,
        [
          { title: 'conduit', value: ({ between }) => between.join(' - ') },
          { title: 'messaging', value: ({ messagingProtection }) => messagingProtection },
          { title: 'io', value: ({ ioProtection }) => ioProtection },
          { title: 'by', value: ({ authentication }) => authentication, rank: 1 },
        ],
        'no conduits',
      ),
    ].join('\n'),
  )
  return exitCodes.ok
}
