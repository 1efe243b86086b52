import type { Crypto } from '../crypto/provider.ts'
import type { DeviceSettings } from '../policy/settings.ts'
import { utf8Bytes } from '../wire/text.ts'
import { sameBytes } from '../x509/der.ts'
import { obstacles } from './assess.ts'
import { type ContactProof, type FirstContactPolicy, judgeFirstContact, spellFingerprint } from './first-contact.ts'
import type { Materials } from './materials.ts'
import { type Message, message } from './messages.ts'
import { type DeviceReading, isConfigured, type UnitIdentity } from './observe.ts'
import type { DeviceTarget } from './target.ts'

/** What is known about a device besides what it answers. */
export interface Knowledge {
  readonly contact: FirstContactPolicy
  /** The unit that was commissioned under this name before. */
  readonly knownUnit?: Pick<UnitIdentity, 'serialNumber'> | undefined
  /** Pre-shared keys that earlier settings gave the device: name and identity. */
  readonly earlierKeys?: readonly EarlierKey[] | undefined
  /** Names of keys whose stored value is newer than what the device got. */
  readonly changedKeys?: readonly string[] | undefined
  readonly closeConnections: boolean
}

/** A pre-shared key that a device was given by earlier settings. */
export interface EarlierKey {
  /** Name under which it is stored. */
  readonly name: string
  readonly identity: string
}

/** May a device be changed, and what must a person know about it? */
export interface Judgement {
  /** Why nothing is done to it; undefined: it may be changed. */
  readonly refusal: Message | undefined
  /** Everything else worth saying. */
  readonly notes: readonly Message[]
  readonly proof: ContactProof
  /** SHA-256 of the default certificate, where the device showed it. */
  readonly fingerprint: string | undefined
  readonly maySendSecrets: boolean
}

/** Judges a device by what was read from it. Nothing of worth was sent to it until now. */
export function judgeDevice(
  target: DeviceTarget,
  reading: DeviceReading,
  knowledge: Knowledge,
  materials: Materials,
  crypto: Crypto,
): Judgement {
  const { settings } = target
  const { device } = settings
  const notes: Message[] = []
  let proof: ContactProof = 'none'
  let fingerprint: string | undefined
  let maySendSecrets = reading.access === 'certificate' || reading.access === 'psk'
  const refuse = (code: Message['code'], evidence: string): Judgement => ({
    refusal: message(code, device, evidence),
    notes,
    proof,
    fingerprint,
    maySendSecrets: false,
  })
  const wrong = unexpectedUnit(target.expect, reading.unit)
  if (wrong !== undefined) return refuse('wrong-device', wrong)
  const { knownUnit } = knowledge
  if (knownUnit !== undefined && knownUnit.serialNumber !== reading.unit.serialNumber) {
    const evidence = `commissioned: ${spellSerial(knownUnit.serialNumber)}, found: ${spellSerial(reading.unit.serialNumber)}`
    return refuse('device-replaced', evidence)
  }
  const [shown] = reading.presented
  const holder = shown === undefined ? undefined : materials.holderOf(shown)
  if (holder !== undefined && holder !== device)
    return refuse('device-replaced', `it shows the certificate of ${holder}`)
  if (reading.access === 'commissioning') {
    const expected = knowledge.contact.expected ?? target.fingerprint
    const policy = { ...knowledge.contact, expected }
    const judged = judgeFirstContact(crypto, device, reading.presented, reading.unit, policy, materials.certificates)
    proof = judged.proof
    fingerprint = judged.fingerprint
    maySendSecrets = judged.maySendSecrets
    for (const one of judged.messages) {
      if (one.severity === 'error') return refuse(one.code, one.evidence)
      notes.push(one)
    }
    if (isConfigured(reading)) {
      return refuse(
        'already-configured-elsewhere',
        `0x5D is ${reading.cipSecurityState}, 0x5E is ${reading.security.state}`,
      )
    }
    if (settings.psk.length > 0 && !maySendSecrets) {
      return refuse(
        'psk-not-sent',
        `its default certificate was accepted by name and proven by nothing, SHA-256 ${spellFingerprint(fingerprint)}`,
      )
    }
  }
  if (reading.protectionMode !== 0) {
    return refuse('protection-mode', `Identity attribute 19 is 0x${reading.protectionMode.toString(16)}`)
  }
  if (reading.security.state === 'pullModelInProgress') return refuse('pull-in-progress', '0x5E is pullModelInProgress')
  const [obstacle, ...more] = obstacles(settings, reading)
  if (obstacle !== undefined) return refuse('settings-not-possible', [obstacle, ...more].join('; '))
  const keys = keyChange(settings, reading, knowledge)
  if (keys === 'interrupt') {
    const evidence = `the device holds ${reading.pskSlots}, ${reading.security.preSharedKeys.length} in use`
    if (!knowledge.closeConnections) return refuse('psk-needs-close-connections', evidence)
    notes.push(message('psk-interrupts', device, evidence))
  }
  return { refusal: undefined, notes, proof, fingerprint, maySendSecrets }
}

/**
 * What becomes of 0x5E attribute 5: it stays, is set where nothing has to leave, is set with the old keys beside the
 * new ones for a while, or changes in one blow that interrupts whoever uses the old key.
 */
export type KeyChange = 'none' | 'set' | 'overlap' | 'interrupt'

/** How the pre-shared keys of a device change. Overlap needs places for both, and the old keys in the store. */
export function keyChange(
  settings: Pick<DeviceSettings, 'psk'>,
  reading: Pick<DeviceReading, 'security' | 'pskSlots'>,
  knowledge: Pick<Knowledge, 'earlierKeys' | 'changedKeys'>,
): KeyChange {
  const held = reading.security.preSharedKeys
  const changed = knowledge.changedKeys ?? []
  const wanted = settings.psk.map(({ name, identity }) => ({ name, octets: utf8Bytes(identity) }))
  const isHeld = (octets: Uint8Array) => held.some((other) => sameBytes(other.identity, octets))
  // One identity cannot stand for two keys, so a key that changes under its identity never overlaps.
  const sameIdentity = wanted.some(({ name, octets }) => changed.includes(name) && isHeld(octets))
  const leaving = held.filter((old) => !wanted.some(({ octets }) => sameBytes(octets, old.identity)))
  if (leaving.length === 0 && !sameIdentity) return wanted.every(({ octets }) => isHeld(octets)) ? 'none' : 'set'
  if (sameIdentity) return 'interrupt'
  const earlier = (knowledge.earlierKeys ?? []).map(({ identity }) => utf8Bytes(identity))
  const stored = leaving.every((old) => earlier.some((octets) => sameBytes(octets, old.identity)))
  return stored && wanted.length + leaving.length <= reading.pskSlots ? 'overlap' : 'interrupt'
}

/** How a unit differs from what the plant file expects, or undefined. */
export function unexpectedUnit(expect: DeviceTarget['expect'], unit: UnitIdentity): string | undefined {
  if (expect === undefined) return undefined
  const pairs = [
    ['vendor', expect.vendor, unit.vendorId],
    ['type', expect.type, unit.deviceType],
    ['product', expect.product, unit.productCode],
    ['serial', expect.serial, unit.serialNumber],
  ] as const
  const wrong = pairs.filter(([, wanted, found]) => wanted !== undefined && wanted !== found)
  if (wrong.length === 0) return undefined
  return wrong.map(([name, wanted, found]) => `${name}: expected ${wanted}, found ${found}`).join('; ')
}

/** A CIP serial number as it stands on labels. */
export function spellSerial(serial: number): string {
  return `0x${serial.toString(16).padStart(8, '0')}`
}
