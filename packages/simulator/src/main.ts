import { resolve } from 'node:path'
import type { Plant, Simulation } from '@cordon/core/policy'
import { loadStateKey, nodeCrypto } from '@cordon/node/crypto'
import { keyLogFile } from '@cordon/node/transports'
import { checkAddresses, lockAddresses } from './address-lock.ts'
import { ControlServer, controlPath } from './control.ts'
import { type PlantLogEntry, VirtualPlant } from './plant.ts'

/** How a virtual plant is run as a program of its own. */
export interface SimulatorOptions {
  readonly plant: Plant
  readonly simulation: Simulation
  /** Where devices keep their state, and where the control socket lies. */
  readonly directory: string
  /** Directory of Cordon's state: the sealing key is found or made there. */
  readonly state: string
  readonly all?: boolean
  /** File that gets TLS keys for packet captures: whoever reads it reads the traffic. */
  readonly keyLog?: string
  /** Hears what the devices report. */
  readonly log?: (entry: PlantLogEntry) => void
  /** Directory that paths of the simulation file are relative to; default the working directory. */
  readonly base?: string
  /** Address of the broadcast responder; `null` for none. Default the loopback's. */
  readonly broadcast?: string | null
  /** For the message of a second start: what runs here. */
  readonly note: string
  /** Ends the plant. */
  readonly signal: AbortSignal
  /** Called when every device listens. */
  readonly ready?: (plant: VirtualPlant, control: string) => void
}

/**
 * Runs a plant until the signal, or until its control socket says stop. Addresses are taken for this process; state is
 * saved as it changes, so nothing is lost however it ends.
 * @throws UsageError when the addresses are not there or another process has them
 */
export async function runSimulator(options: SimulatorOptions): Promise<void> {
  await checkAddresses(options.plant)
  const lock = await lockAddresses(options.plant, options.note)
  try {
    const { key } = await loadStateKey(nodeCrypto, options.state)
    const directory = resolve(options.directory)
    const keyLogPath = options.keyLog === undefined ? undefined : resolve(options.keyLog)
    const keyLog = keyLogPath === undefined ? undefined : keyLogFile(keyLogPath)
    const keysTold = keyLogPath === undefined ? {} : { keyLog: keyLogPath }
    await using plant = await VirtualPlant.start({
      plant: options.plant,
      simulation: options.simulation,
      directory,
      sealingKey: key,
      ...(options.all === undefined ? {} : { all: options.all }),
      ...(options.base === undefined ? {} : { base: options.base }),
      ...(options.broadcast === undefined ? {} : { broadcast: options.broadcast }),
      ...(options.log === undefined ? {} : { log: options.log }),
      ...(keyLog === undefined ? {} : { keyLog }),
    })
    let end = (): void => {}
    const ended = new Promise<void>((done) => {
      end = done
    })
    const control = await ControlServer.open(directory, {
      status: async () => ({ devices: plant.devices(), stalls: plant.stalls, entropy: plant.entropy, ...keysTold }),
      connections: async () => ({ connections: plant.connections(), ...keysTold }),
      'start-later': async () => ({ started: await plant.startLater() }),
      fault: async ({ device, fault }) => {
        await plant.fault(device, fault)
        return {}
      },
      cable: async ({ device, pulled }) => {
        plant.setCable(device, pulled)
        return {}
      },
      exchange: async ({ device, unit }) => {
        await plant.exchange(device, unit)
        return {}
      },
      interceptions: async ({ device }) => ({ interceptions: plant.interceptions(device) }),
      stop: async () => {
        setImmediate(end)
        return {}
      },
    })
    try {
      options.ready?.(plant, controlPath(directory))
      if (!options.signal.aborted) {
        options.signal.addEventListener('abort', end, { once: true })
        await ended
      }
    } finally {
      await control.close()
    }
  } finally {
    await lock[Symbol.asyncDispose]()
  }
}
