import type { Static } from 'typebox'
import type { Converter } from '../document/converter.ts'
import type { notifySchema, SyslogFacility } from './notify-schema.ts'

/**
 * Channels of notifications as the rules name them. Secrets are names of stored ones, files are names for whoever opens
 * the channel.
 * @module
 */

interface NamedChannel {
  /** Unique among all channels. */
  readonly name: string
  /** Kinds that are told; undefined: all. */
  readonly kinds: readonly string[] | undefined
  /** PEM file with the CA certificates of the server; undefined: those of the system. */
  readonly ca: string | undefined
}

/** An HTTPS address that JSON is posted to. */
export interface WebhookSettings extends NamedChannel {
  readonly kind: 'webhook'
  readonly url: string
  /** Name of the stored secret that signs it. */
  readonly secret: string
}

/** A mail server and who gets mail through it. */
export interface MailSettings extends NamedChannel {
  readonly kind: 'mail'
  readonly host: string
  readonly port: number
  /** `none` towards loopback only. */
  readonly security: 'tls' | 'starttls' | 'none'
  readonly login: { readonly user: string /** Name of the stored secret. */; readonly password: string } | undefined
  readonly from: string
  readonly to: readonly string[]
}

/** A syslog server. */
export interface SyslogSettings extends NamedChannel {
  readonly kind: 'syslog'
  readonly host: string
  readonly port: number
  readonly transport: 'tls' | 'tcp' | 'udp'
  readonly facility: SyslogFacility
  /** What is shown to the server: a PEM file, and the name of the stored secret with its key. */
  readonly client: { readonly certificate: string; readonly key: string } | undefined
}

/** A channel of notifications. */
export type ChannelSettings = WebhookSettings | MailSettings | SyslogSettings

/** Whether a host, as it is written, is this machine itself whatever a name server says. */
export function isLoopback(host: string): boolean {
  return /^(?:127(?:\.\d{1,3}){3}|localhost|::1|\[::1\])$/.test(host)
}

/** The channels of a file that was checked against its schema; what no pattern can say goes to the converter. */
export function readNotify(file: Static<typeof notifySchema>, converter: Converter): readonly ChannelSettings[] {
  const channels = [
    ...Object.entries(file.webhooks ?? {}).map(([name, part]) => readWebhook(name, part, converter)),
    ...Object.entries(file.mail ?? {}).map(([name, part]) => readMail(name, part, converter)),
    ...Object.entries(file.syslog ?? {}).map(([name, part]) => readSyslog(name, part, converter)),
  ]
  const sections = { webhook: 'webhooks', mail: 'mail', syslog: 'syslog' } as const
  const seen = new Set<string>()
  for (const { name, kind } of channels) {
    if (seen.has(name)) {
      const path = `notify.${sections[kind]}.${name}`
      converter.problem(path, 'another channel has this name', 'a name of its own', 'rename one of them')
    }
    seen.add(name)
  }
  return channels
}

type File<Section extends keyof Static<typeof notifySchema>> = NonNullable<Static<typeof notifySchema>[Section]>[string]

function readWebhook(name: string, file: File<'webhooks'>, converter: Converter): WebhookSettings {
  const host = /^http:\/\/(\[[^\]]*\]|[^/:?#]*)/.exec(file.url)?.[1]
  if (host !== undefined && !isLoopback(host)) {
    const message = 'plain HTTP leaves this machine'
    converter.problem(`notify.webhooks.${name}.url`, message, 'https://…, or http:// to 127.0.0.1', 'write https://')
  }
  const { url, secret, kinds, ca } = file
  return { kind: 'webhook', name, url, secret, kinds, ca }
}

function readMail(name: string, file: File<'mail'>, converter: Converter): MailSettings {
  const path = `notify.mail.${name}`
  const { host, port, security, user, password, from, to, kinds, ca } = file
  if (security === 'none' && !isLoopback(host)) {
    const message = 'plain SMTP leaves this machine'
    converter.problem(`${path}.security`, message, 'tls or starttls', 'write tls, or starttls for port 587')
  }
  if ((user === undefined) !== (password === undefined)) {
    const place = user === undefined ? 'password' : 'user'
    converter.problem(`${path}.${place}`, 'stands alone', 'user and password, or neither', 'add the other one')
  }
  const login = user === undefined || password === undefined ? undefined : { user, password }
  return { kind: 'mail', name, host, port, security, login, from, to, kinds, ca }
}

function readSyslog(name: string, file: File<'syslog'>, converter: Converter): SyslogSettings {
  const path = `notify.syslog.${name}`
  const { host, port, transport, facility = 'authpriv', certificate, key, kinds, ca } = file
  if (transport !== 'tls') {
    for (const place of ['ca', 'certificate', 'key'] as const) {
      if (file[place] === undefined) continue
      converter.problem(`${path}.${place}`, `${transport} has no certificates`, 'transport: tls', 'remove it')
    }
  }
  if ((certificate === undefined) !== (key === undefined)) {
    const place = key === undefined ? 'certificate' : 'key'
    converter.problem(`${path}.${place}`, 'stands alone', 'certificate and key, or neither', 'add the other one')
  }
  const client = certificate === undefined || key === undefined ? undefined : { certificate, key }
  return { kind: 'syslog', name, host, port, transport, facility, client, kinds, ca }
}
