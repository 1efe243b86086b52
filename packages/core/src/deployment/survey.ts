import { utf8Bytes } from '../wire/text.ts'
import { type ContactMeans, openDevice } from './contact.ts'
import type { PskCredential, Secrets } from './device-port.ts'
import { describeFailure } from './failure.ts'
import type { EarlierKey, Knowledge } from './judge.ts'
import { readDevice } from './observe.ts'
import type { Observation } from './plan.ts'
import type { DeviceTarget } from './target.ts'

/** The keys by which a device may be opened now: those of its new settings, and those it was given before. */
export async function openingKeys(
  target: DeviceTarget,
  earlier: readonly EarlierKey[] | undefined,
  secrets: Secrets,
): Promise<readonly PskCredential[]> {
  const wanted = target.settings.psk.filter(({ usage }) => usage !== 'client')
  const keys: PskCredential[] = []
  for (const { name, identity } of [...wanted, ...(earlier ?? [])]) {
    const key = await secrets.psk(name)
    if (key !== undefined) keys.push({ name, identity: utf8Bytes(identity), key })
  }
  return keys
}

/** Opens a device, reads everything that a plan needs, and closes it again. Nothing is written to it. */
export async function surveyDevice(
  target: DeviceTarget,
  means: ContactMeans & { readonly secrets: Secrets },
  knowledge: Knowledge,
  configured: boolean,
): Promise<Observation> {
  const { device, address } = target.settings
  try {
    const psk = await openingKeys(target, knowledge.earlierKeys, means.secrets)
    const session = await openDevice(means, { device, psk, configured })
    try {
      const reading = await readDevice(session, { device, address, crypto: means.crypto })
      if (reading !== undefined) return { kind: 'read', reading, knowledge }
      return { kind: 'failed', code: 'not-capable', evidence: 'it has no CIP Security object (class 0x5D)' }
    } finally {
      await session.close()
    }
  } catch (error) {
    const { code, evidence } = describeFailure(device, undefined, error)
    return { kind: 'failed', code, evidence }
  }
}
