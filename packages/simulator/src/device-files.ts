import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DefaultCredentials, DeviceSecrets, DeviceState } from '@cordon/core/device'
import { MalformedMessage } from '@cordon/core/errors'
import { clearLeftovers, privateDirectory, readIfExists, writeDurably } from '@cordon/node/files'
import { base64, unbase64 } from './base64.ts'
import { unitCrypto } from './lazy-key.ts'

/** By what a unit that was put in another's place differs from the one in the simulation file. */
export interface ExchangedUnit {
  readonly serial: number
  readonly major: number
  readonly minor: number
}

/** What the storage of a virtual device holds. */
export interface StoredDevice {
  /** Set when another unit was put in the place of the one that the simulation file describes. */
  readonly unit?: ExchangedUnit | undefined
  /** As it left the factory; absent for a device without CIP Security. */
  readonly credentials: DefaultCredentials | undefined
  /** What it was told since; absent in the factory state. */
  readonly state: DeviceState | undefined
  readonly secrets: DeviceSecrets | undefined
}

/** What a device is made with; the key is sealed for the device it belongs to. */
interface StoredCredentials {
  readonly chain: readonly string[]
  readonly sealedKey: string | undefined
}

/** The form of a device's file; keys and PSKs are sealed under the plant's key for the device they belong to. */
interface DeviceFile extends StoredCredentials {
  readonly version: 1
  readonly unit?: ExchangedUnit | undefined
  readonly state: DeviceState | undefined
  readonly sealedSecrets: string | undefined
}

/**
 * The form of a factory record: credentials of many devices as they were made together. Certificates that several of
 * them send along are there once; a chain names its certificates by their place.
 */
interface FactoryRecord {
  readonly version: 1
  readonly certificates: readonly string[]
  readonly devices: Readonly<
    Record<string, { readonly chain: readonly number[]; readonly sealedKey: string | undefined }>
  >
}

const recordName = /^factory-([1-9]\d*)\.json$/

/** Names end in this, and no device is called so: its own files stay apart from the records. */
const deviceSuffix = '.device.json'

/**
 * The storage of a plant's virtual devices. What a device was told lies in a file of its own, replaced whole, so that
 * power loss at any moment leaves the state before or after a change. What it left the factory with lies in records of
 * many devices, so that a large plant costs one durable write to make and not thousands.
 */
export class DeviceFiles {
  readonly #directory: string
  readonly #sealingKey: Uint8Array
  readonly #made: Map<string, StoredCredentials>
  /** What was made by this process need not be read again. */
  readonly #fresh = new Map<string, DefaultCredentials | undefined>()
  readonly #changed: Set<string>
  #records: number
  /** Default keys that were sealed before: they never change, the rest of a state does. */
  readonly #sealedKeys = new WeakMap<DefaultCredentials, string>()

  private constructor(
    directory: string,
    sealingKey: Uint8Array,
    found: { made: Map<string, StoredCredentials>; changed: Set<string>; records: number },
  ) {
    this.#directory = directory
    this.#sealingKey = sealingKey
    this.#made = found.made
    this.#changed = found.changed
    this.#records = found.records
  }

  /**
   * Opens the storage in `directory`, made when missing; what a killed writer left is cleared away.
   * @throws MalformedMessage for a factory record that is none
   */
  static async open(directory: string, sealingKey: Uint8Array): Promise<DeviceFiles> {
    await privateDirectory(directory)
    await clearLeftovers(directory)
    const made = new Map<string, StoredCredentials>()
    const changed = new Set<string>()
    let records = 0
    for (const file of await readdir(directory)) {
      const number = recordName.exec(file)?.[1]
      if (number !== undefined) {
        records = Math.max(records, Number(number))
        for (const [name, credentials] of await readRecord(join(directory, file))) made.set(name, credentials)
      } else if (file.endsWith(deviceSuffix)) changed.add(file.slice(0, -deviceSuffix.length))
    }
    return new DeviceFiles(directory, sealingKey, { made, changed, records })
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${deviceSuffix}`)
  }

  /** Was this device ever made here? */
  has(name: string): boolean {
    return this.#made.has(name) || this.#changed.has(name)
  }

  /**
   * What a device's storage holds; undefined for a device that was never made.
   * @throws MalformedMessage for a file that is none, NotTrusted for a sealed secret of another device or key
   */
  async load(name: string): Promise<StoredDevice | undefined> {
    const bytes = this.#changed.has(name) ? await readIfExists(this.#path(name)) : undefined
    if (bytes === undefined) {
      const made = this.#made.get(name)
      if (made === undefined) return undefined
      const credentials = this.#fresh.has(name) ? this.#fresh.get(name) : this.#credentials(name, made)
      return { credentials, state: undefined, secrets: undefined }
    }
    const file = parse<DeviceFile>(bytes, this.#path(name), 'the state of a device')
    return {
      unit: file.unit,
      credentials: this.#credentials(name, file),
      state: file.state,
      secrets:
        file.sealedSecrets === undefined
          ? undefined
          : // Sealed by this class: whoever could alter it could do anything here.
            (JSON.parse(new TextDecoder().decode(this.#open(name, file.sealedSecrets, 'secrets'))) as DeviceSecrets),
    }
  }

  /** Records devices as they leave the factory; durable when the promise resolves. */
  async record(devices: ReadonlyMap<string, DefaultCredentials | undefined>): Promise<void> {
    if (devices.size === 0) return
    const places = new Map<Uint8Array, number>()
    const entries: [string, FactoryRecord['devices'][string]][] = []
    for (const [name, credentials] of devices) {
      const chain = (credentials?.chain ?? []).map((certificate) => {
        const known = places.get(certificate) ?? places.size
        places.set(certificate, known)
        return known
      })
      entries.push([name, { chain, sealedKey: this.#sealedKey(name, credentials) }])
    }
    const certificates = [...places.keys()].map(base64)
    const record: FactoryRecord = { version: 1, certificates, devices: Object.fromEntries(entries) }
    this.#records++
    await writeDurably(join(this.#directory, `factory-${this.#records}.json`), JSON.stringify(record))
    for (const [name, made] of entriesOf(record)) this.#made.set(name, made)
    for (const [name, credentials] of devices) this.#fresh.set(name, credentials)
  }

  /** Replaces a device's storage; durable when the promise resolves. */
  async save(name: string, device: StoredDevice): Promise<void> {
    const file: DeviceFile = {
      version: 1,
      unit: device.unit,
      chain: (device.credentials?.chain ?? []).map(base64),
      sealedKey: this.#sealedKey(name, device.credentials),
      state: device.state,
      sealedSecrets:
        device.secrets === undefined
          ? undefined
          : this.#seal(name, new TextEncoder().encode(JSON.stringify(device.secrets)), 'secrets'),
    }
    await writeDurably(this.#path(name), JSON.stringify(file))
    this.#changed.add(name)
  }

  #credentials(name: string, { chain, sealedKey }: StoredCredentials): DefaultCredentials | undefined {
    if (sealedKey === undefined) return undefined
    return { key: unitCrypto.importKey(this.#open(name, sealedKey, 'default key')), chain: chain.map(unbase64) }
  }

  #sealedKey(name: string, credentials: DefaultCredentials | undefined): string | undefined {
    if (credentials === undefined) return undefined
    const known = this.#sealedKeys.get(credentials)
    const key = known === undefined ? credentials.key.export() : undefined
    if (key === undefined) return known
    const sealed = this.#seal(name, key, 'default key')
    this.#sealedKeys.set(credentials, sealed)
    return sealed
  }

  #seal(name: string, bytes: Uint8Array, what: string): string {
    return base64(unitCrypto.seal(this.#sealingKey, bytes, place(name, what)))
  }

  #open(name: string, sealed: string, what: string): Uint8Array {
    return unitCrypto.open(this.#sealingKey, unbase64(sealed), place(name, what))
  }
}

async function readRecord(path: string): Promise<[string, StoredCredentials][]> {
  const bytes = await readIfExists(path)
  return bytes === undefined ? [] : entriesOf(parse<FactoryRecord>(bytes, path, 'a factory record'))
}

function entriesOf({ certificates, devices }: FactoryRecord): [string, StoredCredentials][] {
  return Object.entries(devices).map(([name, { chain, sealedKey }]) => [
    name,
    { chain: chain.map((at) => certificates[at] ?? ''), sealedKey },
  ])
}

function parse<T extends { readonly version: 1 }>(bytes: Uint8Array, path: string, what: string): T {
  try {
    // Written by this class into a directory that its owner alone may enter; the version is looked at before the rest.
    const file = JSON.parse(new TextDecoder().decode(bytes)) as T
    if (file.version !== 1) throw new Error(`version ${String(file.version)}`)
    return file
  } catch (cause) {
    throw new MalformedMessage(
      'bad-encoding',
      `${path}: expected ${what}, version 1; remove the file to put a factory-new device in its place`,
      { cause },
    )
  }
}

function place(device: string, what: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(['cordon', 'virtual device', device, what]))
}
