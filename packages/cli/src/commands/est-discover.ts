import { type AnnouncedEstServer, announcedEstServers } from '@cordon/node/est'
import type { CommandContext } from '../context.ts'
import { parseNumber } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'

/** `cordon est discover` */
export async function run(
  context: CommandContext,
  options: {
    readonly wait: string
    readonly interface?: readonly string[]
    readonly domain?: string
    readonly type?: string
    readonly subtype?: string
  },
): Promise<ExitCode> {
  const { output, signal } = context
  const waitMs = parseNumber(options.wait, '--wait', 3600) * 1000
  const { interface: interfaces, domain, type, subtype } = options
  if (output.interactive) output.note(`asking for EST servers for ${options.wait} s …`)
  const found = await announcedEstServers({
    interfaces,
    domain,
    type,
    subtype,
    waitMs,
    signal,
    problem: ({ interface: at, error }) => output.note(`${at}: ${error.message}`),
    refused: (instance, reason) => output.note(`${instance} is announced and cannot be used: ${reason}`),
  })
  const servers = found.map(row).sort((a, b) => a.priority - b.priority || a.host.localeCompare(b.host))
  output.document({ servers }, () =>
    table(
      output,
      servers,
      [
        { title: 'where', value: ({ where }) => where },
        { title: 'instance', value: ({ instance }) => instance },
        { title: 'host', value: ({ host }) => host },
        { title: 'port', value: ({ port }) => String(port) },
        { title: 'label', value: ({ label }) => label ?? '', rank: 1 },
        { title: 'addresses', value: ({ addresses }) => addresses.join(' '), rank: 2 },
        { title: 'path', value: ({ path }) => path ?? '', rank: 4 },
        { title: 'TTL', value: ({ ttl }) => (ttl === undefined ? '' : `${ttl} s`), rank: 3 },
      ],
      'no EST server is announced',
    ),
  )
  if (servers.length > 0) {
    output.note('nothing of this is proven: anyone on the network can announce a server; enrolling checks who it is')
  }
  return exitCodes.ok
}

function row({ where, instance, priority, weight, ttl, server }: AnnouncedEstServer) {
  const { host, port, label, prefix: path, addresses = [] } = server
  return { where, instance, host, port, label, path, addresses, priority, weight, ttl }
}
