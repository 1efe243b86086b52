import { type DnsMessage, dnsMessage, type ResourceRecord } from '@cordon/core/discovery'
import { latin1Bytes, utf8 } from '@cordon/core/wire'
import makeMdns from 'multicast-dns'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import type { SrvRecord } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { fromPacket, isPlausible, toPacket } from '../mdns/message.ts'

/** The questions of DNS that service discovery asks; {@link Resolver} answers them. */
export type DnsQuestions = Pick<Resolver, 'resolvePtr' | 'resolveSrv' | 'resolveTxt' | 'cancel'>

/** How DNS servers are asked. */
export interface ServiceResolverOptions {
  /** For each attempt, milliseconds. */
  readonly timeoutMs: number
  /** As of `Resolver.setServers` of Node.js. Default: the system's. */
  readonly servers?: readonly string[]
}

const tries = 2
const mostServers = 3
const recursionDesired = 1 << 8

/**
 * The system's resolver, and beside it questions of our own for the names that it refuses: an instance name is any text
 * (RFC 6763 4.1.1), such as `Plant EST`, and the resolver of Node.js asks for names of hosts alone. Answers that do not fit
 * into a datagram are cut off by the server, and not asked for again.
 */
export class ServiceResolver implements DnsQuestions {
  readonly #system: Resolver
  readonly #timeoutMs: number
  readonly #end = new AbortController()

  constructor({ timeoutMs, servers }: ServiceResolverOptions) {
    this.#timeoutMs = timeoutMs
    this.#system = new Resolver({ timeout: timeoutMs, tries })
    if (servers !== undefined) this.#system.setServers(servers)
  }

  /** Names that a PTR record gives, as the message has them. @throws as the system's resolver */
  resolvePtr(name: string): Promise<string[]> {
    return this.#system.resolvePtr(name)
  }

  /** SRV records of a name. @throws as the system's resolver */
  async resolveSrv(name: string): Promise<SrvRecord[]> {
    if (isHostName(name)) return await this.#system.resolveSrv(name)
    const records = await this.#ask(name, 'SRV')
    return records.flatMap((record) => {
      if (record.type !== 'SRV') return []
      const { target, port, priority, weight } = record
      return [{ name: target, port, priority, weight }]
    })
  }

  /** TXT records of a name, each as its strings. @throws as the system's resolver */
  async resolveTxt(name: string): Promise<string[][]> {
    if (isHostName(name)) return await this.#system.resolveTxt(name)
    const records = await this.#ask(name, 'TXT')
    return records.flatMap((record) =>
      record.type === 'TXT' ? [record.entries.map((entry) => utf8(entry) ?? '')] : [],
    )
  }

  cancel(): void {
    this.#system.cancel()
    this.#end.abort()
  }

  /** The answer of the first server that gives one; none is an empty answer. */
  async #ask(escaped: string, type: 'SRV' | 'TXT'): Promise<readonly ResourceRecord[]> {
    const name = plainName(escaped)
    // The DNS library would make two labels of one.
    if (name === undefined) return []
    for (let attempt = 0; attempt < tries; attempt++) {
      for (const server of this.#system.getServers().slice(0, mostServers)) {
        const answer = await question(endpointOf(server), name, type, this.#timeoutMs, this.#end.signal)
        if (answer !== undefined) return answer.answers
      }
    }
    return []
  }
}

/** One question to one server; undefined without an answer in time. */
function question(
  server: { readonly address: string; readonly port: number },
  name: string,
  type: 'SRV' | 'TXT',
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DnsMessage | undefined> {
  if (signal.aborted) return Promise.resolve(undefined)
  const id = randomInt(0x1_0000)
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4')
  const dns = makeMdns({ socket, multicast: false, bind: false, port: server.port })
  const decoders = socket.listeners('message')
  socket.removeAllListeners('message')
  // What cannot be a message, or comes from elsewhere, does not reach the library's decoder.
  socket.on('message', (bytes, from) => {
    const isTheirs = from.address === server.address && from.port === server.port
    if (isTheirs && isPlausible(bytes)) for (const decode of decoders) decode.call(socket, bytes, from)
  })
  return new Promise((resolve) => {
    const end = (answer?: DnsMessage) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      dns.removeAllListeners()
      dns.on('error', () => {})
      dns.destroy()
      resolve(answer)
    }
    const onAbort = () => end()
    const timer = setTimeout(onAbort, timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    dns.on('error', onAbort)
    dns.on('response', (packet: unknown) => {
      const message = fromPacket(packet)
      if (message?.id === id && message.questions[0]?.name === name) end(message)
    })
    const asked = dnsMessage({ id, questions: [{ name, type, unicast: false }] })
    const packet = { ...toPacket(asked), flags: recursionDesired } as makeMdns.QueryOutgoingPacket
    dns.query(packet, server, (error) => {
      if (error instanceof Error) end()
    })
  })
}

/** Whether the resolver of Node.js would ask for it. */
function isHostName(escaped: string): boolean {
  return /^(?:[A-Za-z0-9_*/-]|\\?\.)+$/.test(escaped)
}

/** A name of the system's resolver without its escapes (RFC 1035 5.1); undefined where a label holds a dot or no UTF-8. */
function plainName(escaped: string): string | undefined {
  if (/\\(?:\.|046)/.test(escaped)) return undefined
  return unescapedName(escaped)
}

/** Characters that DNS writes with a backslash, alone or as three decimal digits, as the text that they are in UTF-8. */
export function unescapedName(escaped: string): string | undefined {
  const octets = escaped.replace(/\\(\d{3}|.)/gs, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number(code) & 0xff) : code,
  )
  return utf8(latin1Bytes(octets))
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`, as the resolver lists its servers. */
function endpointOf(server: string): { readonly address: string; readonly port: number } {
  if (isIPv6(server)) return { address: server, port: 53 }
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(server) ?? []
  return { address: bracketed ?? plain ?? server, port: port === undefined ? 53 : Number(port) }
}
