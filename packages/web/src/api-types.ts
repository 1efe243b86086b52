import type { components } from '@cordon/client'

/** Shapes of the API by name. */
export type Shapes = components['schemas']
type Schemas = Shapes

/** A connection as it was last observed. */
export type Connection = Schemas['Connection']
export type Conduit = Schemas['Conduit']
export type Device = Schemas['Device']
export type DeviceDetail = Schemas['DeviceDetail']
export type Job = Schemas['Job']
export type Message = Schemas['Message']
export type Plant = Schemas['Plant']
export type Session = Schemas['Session']
export type Topology = Schemas['Topology']
export type Zone = Schemas['Zone']

/** How traffic is protected: the three words that are shown everywhere. */
export type Protection = Connection['confidentiality']
/** How a device stands against its model. */
export type Standing = Device['standing']
/** How far a zone is on its way to enforcement. */
export type Stage = Zone['stage']
/** What the model says about a connection. */
export type Verdict = Connection['verdict']

/** Where a card lies on the map. */
export interface Position {
  readonly x: number
  readonly y: number
}

/** One thing that happened, from the event stream. */
export interface LiveEvent {
  readonly id: number
  readonly kind: string
  readonly subject: string
  readonly plant: string | null
}
