import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DefaultCredentials, DeviceSecrets, DeviceState } from '@cordon/core/device'
import { MalformedMessage } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { clearLeftovers, readIfExists, writeDurably } from '@cordon/node/files'
import { base64, unbase64 } from './base64.ts'

/** What the storage of a virtual device holds. */
export interface StoredDevice {
  /** As it left the factory; absent for a device without CIP Security. */
  readonly credentials: DefaultCredentials | undefined
  /** What it was told since; absent in the factory state. */
  readonly state: DeviceState | undefined
  readonly secrets: DeviceSecrets | undefined
}

/** The form on disk; keys and PSKs are sealed under the state's key for the device they belong to. */
interface DeviceFile {
  readonly version: 1
  readonly chain: readonly string[]
  readonly sealedKey: string | undefined
  readonly state: DeviceState | undefined
  readonly sealedSecrets: string | undefined
}

/**
 * The storage of a plant's virtual devices: one file each, replaced whole, so that power loss at any moment leaves the
 * state before or after a change.
 */
export class DeviceFiles {
  readonly #directory: string
  readonly #sealingKey: Uint8Array

  private constructor(directory: string, sealingKey: Uint8Array) {
    this.#directory = directory
    this.#sealingKey = sealingKey
  }

  /** Opens the storage in `directory`, made when missing; what a killed writer left is cleared away. */
  static async open(directory: string, sealingKey: Uint8Array): Promise<DeviceFiles> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await clearLeftovers(directory)
    return new DeviceFiles(directory, sealingKey)
  }

  #path(name: string): string {
    return join(this.#directory, `${name}.json`)
  }

  /** What a device's storage holds; undefined for a device that was never switched on. */
  async load(name: string): Promise<StoredDevice | undefined> {
    const bytes = await readIfExists(this.#path(name))
    if (bytes === undefined) return undefined
    let file: DeviceFile
    try {
      file = JSON.parse(new TextDecoder().decode(bytes)) as DeviceFile
      if (file.version !== 1) throw new Error(`version ${String(file.version)}`)
    } catch (cause) {
      throw new MalformedMessage(
        'bad-encoding',
        `${this.#path(name)}: expected the state of a device, version 1; remove the file to put a factory-new device in its place`,
        { cause },
      )
    }
    const open = (sealed: string, what: string): Uint8Array =>
      nodeCrypto.open(this.#sealingKey, unbase64(sealed), place(name, what))
    return {
      credentials:
        file.sealedKey === undefined
          ? undefined
          : { key: nodeCrypto.importKey(open(file.sealedKey, 'default key')), chain: file.chain.map(unbase64) },
      state: file.state,
      secrets:
        file.sealedSecrets === undefined
          ? undefined
          : (JSON.parse(new TextDecoder().decode(open(file.sealedSecrets, 'secrets'))) as DeviceSecrets),
    }
  }

  /** Replaces a device's storage; durable when the promise resolves. */
  async save(name: string, device: StoredDevice): Promise<void> {
    const seal = (bytes: Uint8Array, what: string): string =>
      base64(nodeCrypto.seal(this.#sealingKey, bytes, place(name, what)))
    const key = device.credentials?.key.export()
    const file: DeviceFile = {
      version: 1,
      chain: (device.credentials?.chain ?? []).map(base64),
      sealedKey: key === undefined ? undefined : seal(key, 'default key'),
      state: device.state,
      sealedSecrets:
        device.secrets === undefined
          ? undefined
          : seal(new TextEncoder().encode(JSON.stringify(device.secrets)), 'secrets'),
    }
    await writeDurably(this.#path(name), JSON.stringify(file))
  }
}

function place(device: string, what: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(['cordon', 'virtual device', device, what]))
}
