import { UsageError } from '@cordon/core/errors'
import { fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { managerOf } from '@cordon/server/deploy'
import { type EstHost, estPort, openEstHost, RulesFault } from '@cordon/server/est'
import { isIP } from 'node:net'
import { acceptedPlant } from '../accepted-plant.ts'
import type { CommandContext } from '../context.ts'
import { vendorRoots } from '../deploy-options.ts'
import { labelText, printHostLog, statusDocument } from '../est-log.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, pairs } from '../output.ts'
import { printProblems } from '../plant-file.ts'
import { serviceText } from '../service-text.ts'
import { authorityPlan, openWorkspace } from '../workspace.ts'

/** What `cordon est serve` takes. */
export interface EstServeFlags {
  readonly rules: string
  readonly listen?: readonly string[]
  /** False: not by DNS-SD. */
  readonly announce: boolean
  readonly instance?: string
  readonly serviceType?: string
  readonly subtype?: readonly string[]
  readonly text?: readonly string[]
  /** False: what devices need besides their certificate is left to `cordon apply`. */
  readonly push: boolean
  readonly trustVendor?: readonly string[]
  readonly serverKeys?: boolean
}

/** `cordon est serve PLANT --rules FILE` */
export async function run(context: CommandContext, flags: EstServeFlags, file: string): Promise<ExitCode> {
  const { output, signal } = context
  const accepted = await acceptedPlant(context, file)
  if (accepted === undefined) return exitCodes.usage
  const { plant } = accepted.files
  const listen = listenAddresses(flags.listen, managerOf(plant).addresses)
  const text = serviceText(flags.text ?? [])
  await using workspace = await openWorkspace(context)
  const { store, authority } = workspace
  await authority.initialize(authorityPlan(plant))
  const anchors = await Promise.all((flags.trustVendor ?? []).map((path) => vendorRoots(path)))
  let host: EstHost
  try {
    host = await openEstHost({
      store,
      authority,
      plant,
      rules: flags.rules,
      listen,
      announcement: flags.announce && {
        ...(flags.instance === undefined ? {} : { name: flags.instance }),
        ...(flags.serviceType === undefined ? {} : { type: flags.serviceType }),
        ...(flags.subtype === undefined ? {} : { subtypes: flags.subtype }),
        ...(text === undefined ? {} : { text }),
      },
      push: flags.push && {
        deployment: { capabilities: accepted.files.capabilities, vendorAnchors: anchors.flat() },
        pushed: ({ devices }) => {
          for (const { device, outcome } of devices) output.note(`pushed to ${device}: ${outcome}`)
        },
      },
      ...(flags.serverKeys === undefined ? {} : { serverKeyGeneration: flags.serverKeys }),
      log: (entry) => printHostLog(output, entry),
    })
  } catch (error) {
    if (!(error instanceof RulesFault)) throw error
    printProblems(output, error.problems)
    return exitCodes.usage
  }
  try {
    const root = fingerprint(nodeCrypto, await authority.root())
    announceStart(output, plant.name, host, root)
    await new Promise<void>((done) => {
      if (signal.aborted) done()
      signal.addEventListener('abort', () => done(), { once: true })
    })
  } finally {
    await host[Symbol.asyncDispose]()
  }
  output.note('ended')
  return exitCodes.ok
}

function announceStart(output: Output, plant: string, host: EstHost, root: string): void {
  const status = host.status()
  output.document({ ready: true, plant, rootFingerprint: root, pid: process.pid, ...statusDocument(status) }, () =>
    [
      `The enrollment service of ${plant} listens. End it with Ctrl-C.`,
      ...status.banners.map((banner) => output.strong(`! ${banner}`)),
      pairs(output, [
        ['addresses', status.addresses.map(({ address, port }) => `${address}:${port}`).join(', ')],
        ['labels', status.labels.map(labelText).join(', ')],
        ['root SHA-256', root],
      ]),
      'Compare the fingerprint where devices show whom they enrolled with: `cordon enrollment list` shows who asks.',
    ].join('\n'),
  )
}

/** Where to listen: as told, else the manager's own addresses of the plant file. Never everywhere by itself. */
export function listenAddresses(
  told: readonly string[] | undefined,
  manager: readonly string[],
): readonly { readonly address: string; readonly port: number }[] {
  const chosen = told ?? manager
  if (chosen.length === 0) {
    throw new UsageError(
      'missing',
      'the plant file gives the manager no address; say where to listen: --listen ADDRESS[:PORT]',
    )
  }
  return chosen.map((text) => {
    const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+|[^[]*:.*:[^\]]*?))(?::(\d{1,5}))?$/.exec(text) ?? []
    const address = bracketed ?? plain ?? ''
    const port = digits === undefined ? estPort : Number(digits)
    if (isIP(address) === 0 || port > 65_535) {
      throw new UsageError(
        'bad-value',
        `--listen: expected ADDRESS or ADDRESS:PORT such as 192.0.2.10:8444, got ${text}`,
      )
    }
    return { address, port }
  })
}
