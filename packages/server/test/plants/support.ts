import type { Store } from '@cordon/server/store'
import { PlantReader } from '@cordon/server/plants'
import type { Acting, PlantMeans } from '../../src/plants/means.ts'
import { TemporaryState } from '../store/support.ts'

/** Somebody who may change plants. */
export const ada: Acting = { actor: { kind: 'user', name: 'ada' }, address: '127.0.0.1', request: 'r-1' }
/** Another one. */
export const bob: Acting = { actor: { kind: 'user', name: 'bob' }, address: '127.0.0.1', request: 'r-2' }

/** A store of a test with a reader, gone at the end. */
export class PlantBench implements AsyncDisposable {
  readonly place: TemporaryState
  readonly means: PlantMeans & { readonly store: Store }

  private constructor(place: TemporaryState, store: Store) {
    this.place = place
    this.means = { store, reader: new PlantReader() }
  }

  static async open(): Promise<PlantBench> {
    const place = new TemporaryState()
    return new PlantBench(place, await place.open())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.means.reader[Symbol.asyncDispose]()
    await this.means.store[Symbol.asyncDispose]()
    await this.place[Symbol.asyncDispose]()
  }
}

/** A plant of two zones, ready to be saved. */
export function worksText(name: string, change: (lines: string[]) => readonly string[] = (lines) => lines): string {
  return change([
    'version: 1',
    `plant: ${name}`,
    '# Presses and paint.',
    'manager: Cordon',
    'zones:',
    '  press: { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }',
    '  paint: { authentication: certificate, messaging: integrity, io: integrity }',
    '  legacy: { authentication: none, nonSecure: allow }',
    'devices:',
    '  PLC:     { address: 192.0.2.1, zone: press }',
    '  Robot_1: { address: 192.0.2.2, zone: press }',
    '  Robot_2: { address: 192.0.2.3, zone: press }',
    '  Painter: { address: 192.0.2.4, zone: paint }',
    '  Panel:   { address: 192.0.2.5, zone: legacy, capability: none }',
    '  Cordon:  { address: 192.0.2.250, zone: press, role: originator, io: deny }',
    'chassis:',
    '  rack: { slots: { 0: PLC, 3: Robot_1 } }',
    'conduits:',
    '  - { between: [press, paint], messaging: confidentiality }',
    '  - { between: [PLC, Panel], authentication: trusted-ip, messaging: none, io: none, opens: PLC }',
    '',
  ]).join('\n')
}
