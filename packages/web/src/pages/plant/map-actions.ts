import { createContext } from 'react'

/** What cards ask of the map. */
export interface MapActions {
  readonly open: (zone: string | undefined) => void
  readonly select: (device: string) => void
  readonly choose: (conduits: string) => void
  readonly hide: (zone: string) => void
  readonly pin: (zone: string) => void
  readonly move: (zone: string, x: number, y: number) => void
  readonly isPinned: (zone: string) => boolean
  /** The device that is marked. */
  readonly device: string | undefined
}

const nothing = () => {}

export const MapActions = createContext<MapActions>({
  open: nothing,
  select: nothing,
  choose: nothing,
  hide: nothing,
  pin: nothing,
  move: nothing,
  isPinned: () => false,
  device: undefined,
})
