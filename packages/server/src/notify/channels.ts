import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ChannelSettings } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import { readSecret } from '../store/named-secrets.ts'
import type { Store } from '../store/store.ts'
import type { Channel } from './channel.ts'
import { openMail } from './mail.ts'
import { openSyslog } from './syslog.ts'
import { openWebhook } from './webhook.ts'

/** Where channels find what their settings name. */
export interface ChannelSources {
  /** Holds the named secrets. */
  readonly store: Store
  /** Where relative file names begin: the directory of the enrollment file. */
  readonly directory: string
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
}

/**
 * Opens a channel: reads its files and secrets, connects to nothing.
 * @throws UsageError `missing` for a secret or file that is not there, `bad-value` for one that does not fit
 */
export async function openChannel(settings: ChannelSettings, sources: ChannelSources): Promise<Channel> {
  const { store, now = Date.now } = sources
  const pem = (file: string | undefined) => (file === undefined ? undefined : readPem(file, settings, sources))
  const secretText = async (name: string) => Buffer.from(await readSecret(store, name)).toString()
  const ca = await pem(settings.ca)
  switch (settings.kind) {
    case 'webhook':
      return openWebhook(settings, { secret: await readSecret(store, settings.secret), ca, now })
    case 'mail': {
      const { login } = settings
      return openMail(settings, { ca, password: login === undefined ? undefined : await secretText(login.password) })
    }
    case 'syslog': {
      const certificate = await pem(settings.client?.certificate)
      const key = settings.client === undefined ? undefined : await secretText(settings.client.key)
      const client = certificate === undefined || key === undefined ? undefined : { certificate, key }
      return openSyslog(settings, { ca, client })
    }
  }
}

async function readPem(file: string, { name }: ChannelSettings, { directory }: ChannelSources): Promise<string> {
  const path = resolve(directory, file)
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new UsageError('missing', `channel ${name}: cannot read ${path}; name a readable PEM file`, { cause })
  }
}
