import { createContext } from 'react'

/** The plant that the pages show. */
export interface PlantChoice {
  /** Undefined where there is none yet. */
  readonly plant: string | undefined
  /** What addresses carry: undefined for the only or first plant. */
  readonly inAddress: string | undefined
}

export const PlantContext = createContext<PlantChoice>({ plant: undefined, inAddress: undefined })
