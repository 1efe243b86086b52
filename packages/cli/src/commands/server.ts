import { UsageError } from '@cordon/core/errors'
import { listenForMetrics, type Listening, type LogOptions } from '@cordon/server/api'
import { createPlant, newestVersion } from '@cordon/server/plants'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { userInfo } from 'node:os'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { managerPort, type Service, startService } from '../manager-service.ts'
import { pairs } from '../output.ts'
import type { PlantFiles } from '../plant-file.ts'
import { openWorkspace, type Workspace } from '../workspace.ts'

/** What `cordon server` takes. */
export interface ServerCommandFlags {
  readonly listen?: readonly string[]
  readonly certificate?: string
  readonly key?: string
  readonly host?: readonly string[]
  readonly trustProxy?: readonly string[]
  readonly metrics?: string
  readonly logFormat: 'json' | 'pretty'
  readonly logLevel: NonNullable<LogOptions['level']>
}

/** Longest that ending takes, milliseconds: then the work is left to its lease, and another manager goes on. */
const endMs = 20_000

/** `cordon server [PLANT…]` */
export async function run(
  context: CommandContext,
  flags: ServerCommandFlags,
  files: readonly string[],
): Promise<ExitCode> {
  const { output, signal } = context
  const { certificate, key } = flags
  if ((certificate === undefined) !== (key === undefined)) {
    throw new UsageError('missing', '--certificate and --key belong together')
  }
  const listen = (flags.listen ?? ['127.0.0.1']).map((text) => placeOf(text, '--listen', managerPort))
  const metricsAt = flags.metrics === undefined ? undefined : placeOf(flags.metrics, '--metrics', 9464)
  await using workspace = await openWorkspace(context)
  const service = await startService(context, workspace, {
    listen,
    hosts: flags.host ?? [],
    proxies: flags.trustProxy ?? [],
    ...(certificate === undefined || key === undefined ? {} : { files: { certificate, key } }),
    log: { format: flags.logFormat, level: flags.logLevel },
  })
  let metrics: Listening | undefined
  try {
    for (const file of files) {
      const accepted = await acceptedPlant(context, file)
      if (accepted === undefined || !(await importPlant(context, workspace, service, accepted.files)))
        return exitCodes.usage
    }
    if (metricsAt !== undefined)
      metrics = await listenForMetrics(service.manager.api.metrics, metricsAt.address, metricsAt.port)
    announceService(context, service)
    context.signalEnds?.()
    await new Promise<void>((done) => {
      if (signal.aborted) done()
      signal.addEventListener('abort', () => done(), { once: true })
    })
  } finally {
    await metrics?.[Symbol.asyncDispose]()
    await within(endMs, service[Symbol.asyncDispose]())
  }
  output.note('ended')
  return exitCodes.ok
}

/** The plant of files as its first version, where the store has none of that name. False for one that is refused. */
export async function importPlant(
  { output }: Pick<CommandContext, 'output'>,
  { store }: Workspace,
  { manager }: Service,
  files: Pick<PlantFiles, 'plant' | 'file' | 'simulationFile'>,
): Promise<boolean> {
  const { name } = files.plant
  if ((await newestVersion(store.db, name)) !== undefined) {
    output.note(`${name} is in the store already; bring a new version with "cordon plant save"`)
    return true
  }
  const { text, simulation } = await textsOf(files)
  const made = await createPlant(
    { store, reader: manager.reader },
    {
      text,
      simulation,
      message: 'imported at the start of the manager',
      acting: { actor: { kind: 'system', name: `cordon of ${userInfo().username}` } },
    },
  )
  if (made.kind === 'saved') output.note(`${name} imported as version 1`)
  else for (const { line, message } of made.problems) output.note(`${files.file}:${line}: ${message}`)
  return made.kind === 'saved'
}

async function textsOf({ file, simulationFile }: Pick<PlantFiles, 'file' | 'simulationFile'>) {
  // Read and judged a moment ago: what is stored is judged again by whoever stores it.
  const text = await readFile(file, 'utf8')
  return { text, simulation: simulationFile === undefined ? null : await readFile(simulationFile, 'utf8') }
}

/** Says where the manager is found and how to get in. */
export function announceService(
  { output }: Pick<CommandContext, 'output'>,
  { url, fingerprint, firstRun, hasPages, manager }: Service,
): void {
  const missing = manager.api.missing.length
  output.document(
    {
      ready: true,
      url,
      fingerprint,
      firstRun: firstRun === undefined ? null : { url: firstRun.url, expiresAt: firstRun.expiresAt.toISOString() },
      pid: process.pid,
    },
    () =>
      [
        `The manager listens. End it with Ctrl-C.`,
        pairs(output, [
          ['address', url],
          ['certificate SHA-256', fingerprint],
          ...(firstRun === undefined ? [] : [['first administrator', firstRun.url] as const]),
        ]),
        ...(firstRun === undefined
          ? []
          : ['The link works once, for a day, and makes the first administrator: hand it to nobody else.']),
        ...(hasPages ? [] : ['The web interface is not built here; the API and the command line work.']),
        ...(missing === 0 ? [] : [`${missing} operations of the API are not there yet.`]),
      ].join('\n'),
  )
}

function placeOf(text: string, flag: string, defaultPort: number): { readonly address: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+|[^[]*:.*:[^\]]*?))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  const port = digits === undefined ? defaultPort : Number(digits)
  if (isIP(address) === 0 || port > 65_535) {
    throw new UsageError(
      'bad-value',
      `${flag}: expected ADDRESS or ADDRESS:PORT such as 192.0.2.10:${defaultPort}, got ${text}`,
    )
  }
  return { address, port }
}

async function within(ms: number, ending: PromiseLike<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([ending, late])
  clearTimeout(timer)
}
