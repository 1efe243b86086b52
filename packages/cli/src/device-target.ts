import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { type EPath, port } from '@cordon/core/cip'
import { ObjectClient, type Requester } from '@cordon/core/client'
import { NotTrusted, TransportError, UsageError } from '@cordon/core/errors'
import { connect, type PeerInfo, routed, type Session, type SessionOptions } from '@cordon/node/originator'
import type { CommandContext } from './context.ts'

/** How `cordon device` reaches its target. */
export interface ReachOptions {
  readonly plant?: string
  readonly route?: string
  readonly plain?: boolean
  readonly pin?: string
  readonly from?: string
}

/** An open way to one device. */
export interface DeviceTarget extends AsyncDisposable {
  readonly requester: Requester
  readonly objects: ObjectClient
  readonly peer: PeerInfo
}

/**
 * Opens a device: in plain with `--plain`; by the fingerprint it must show with `--pin`; else with the manager's own
 * credential, which the device accepts once it is commissioned.
 */
export async function openTarget(
  context: CommandContext,
  options: ReachOptions,
  target: string,
): Promise<DeviceTarget> {
  const { address, port: targetPort } = parseTarget(target)
  const localAddress = options.from ?? context.settings['localAddress']
  const session = await connecting(options, {
    address,
    ...(targetPort === undefined ? {} : { port: targetPort }),
    ...(localAddress === undefined ? {} : { localAddress }),
    signal: context.signal,
    ...(await security(context, options)),
  })
  const requester = options.route === undefined ? session : routed(session, parseRoute(options.route))
  return {
    requester,
    objects: new ObjectClient(requester),
    peer: session.peer,
    [Symbol.asyncDispose]: () => session.close(),
  }
}

/** Connects; what a person most often forgot is said with the failure. */
async function connecting(options: ReachOptions, session: SessionOptions): Promise<Session> {
  try {
    return await connect(session)
  } catch (error) {
    const isGone = error instanceof TransportError && ['closed', 'refused', 'timeout'].includes(error.code)
    if (options.plain === true && isGone) {
      const hint = 'a secured device admits nobody in plain: open it with --plant FILE'
      throw new TransportError(error.code, `${error.message}; ${hint}`, { cause: error.cause })
    }
    if (options.plant !== undefined && error instanceof NotTrusted) {
      const hint = 'a device that this plant has not commissioned is opened with --pin SHA256 or --plain'
      throw new NotTrusted(error.code, `${error.message}; ${hint}`, { cause: error.cause })
    }
    throw error
  }
}

async function security(context: CommandContext, options: ReachOptions): Promise<Partial<SessionOptions>> {
  if (options.plain === true) return { transport: 'tcp' }
  if (options.pin !== undefined) {
    const pin = options.pin.replaceAll(':', '').toLowerCase()
    if (!/^[0-9a-f]{64}$/.test(pin))
      throw new UsageError('bad-option', '--pin expects a SHA-256 fingerprint of 64 hex digits')
    return { transport: 'tls', commissioning: { inspect: (peer) => checkPin(peer, pin) } }
  }
  // The store and the policy are most of what a command loads, and only the manager needs them.
  const { managerAccess } = await import('./manager.ts')
  const { credentials, localAddress } = await managerAccess(context, options.plant)
  // The plant's rules let the manager in from its own address.
  const own = options.from === undefined && localAddress !== undefined ? { localAddress } : {}
  return { transport: 'tls', credentials, ...own }
}

function checkPin(peer: PeerInfo, pin: string): void {
  const leaf = peer.security?.peerChain[0]
  const shown = leaf === undefined ? 'no certificate' : createHash('sha256').update(leaf).digest('hex')
  if (shown !== pin) throw new NotTrusted('wrong-identity', `the target shows ${shown}, --pin says ${pin}`)
}

/** An address with an optional port. @throws UsageError `bad-option` */
export function parseTarget(text: string): { readonly address: string; readonly port: number | undefined } {
  const [, address = '', portText] = /^([^:]*)(?::(\d{1,5}))?$/.exec(text) ?? []
  const number = portText === undefined ? undefined : Number(portText)
  if (!isIPv4(address) || (number !== undefined && (number === 0 || number > 65_535))) {
    throw new UsageError('bad-option', `expected an address like 127.17.81.51 or 127.17.81.51:2221, got "${text}"`)
  }
  return { address, port: number }
}

/** `1,0` is slot 0 behind the backplane; more hops follow in pairs. @throws UsageError `bad-option` */
export function parseRoute(text: string): EPath {
  const parts = text.split(/[,/]/).map((part) => part.trim())
  if (parts.length % 2 !== 0 || parts.length === 0) {
    throw new UsageError(
      'bad-option',
      `--route expects pairs of port and link address, e.g. 1,0 for slot 0, got "${text}"`,
    )
  }
  const hops: EPath[number][] = []
  for (let i = 0; i < parts.length; i += 2) {
    const number = Number(parts[i])
    const link = parts[i + 1] ?? ''
    if (!Number.isInteger(number) || number < 1 || number > 65_535 || link === '') {
      throw new UsageError(
        'bad-option',
        `--route: "${parts[i] ?? ''},${link}" is no hop; expected a port number and a slot or address`,
      )
    }
    hops.push(port(number, /^\d+$/.test(link) ? Number(link) : link))
  }
  return hops
}

/** A number in decimal or `0x` form. @throws UsageError `bad-option` */
export function parseNumber(text: string, what: string, most = 0xffff): number {
  const value = /^0x[0-9a-f]+$/i.test(text) || /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new UsageError('bad-option', `${what} expects a number from 0 to ${most}, decimal or 0x…, got "${text}"`)
  }
  return value
}

/** Hex digits, with or without spaces. @throws UsageError `bad-option` */
export function parseHex(text: string): Uint8Array {
  const digits = text.replaceAll(/[\s:]/g, '')
  if (!/^(?:[0-9A-Fa-f]{2})*$/.test(digits))
    throw new UsageError('bad-option', `expected bytes as hex digits, two per byte, got "${text}"`)
  return new Uint8Array(Buffer.from(digits, 'hex'))
}

/** Bytes as people compare them. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1 ')
}
