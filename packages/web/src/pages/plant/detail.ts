import { createContext } from 'react'

/** How much a card shows: all, name with counts, or name and number alone. */
export type Detail = 'near' | 'mid' | 'far'

/** The level of detail at a zoom, with how much larger letters must be for it. */
export function detailAt(zoom: number): { readonly detail: Detail; readonly scale: number } {
  if (zoom >= 0.7) return { detail: 'near', scale: 1 }
  if (zoom >= 0.42) return { detail: 'mid', scale: 1.7 }
  // In steps, so that letters do not grow with each turn of the wheel.
  const step = [0.34, 0.27, 0.21, 0.16].find((least) => zoom >= least) ?? 0.12
  return { detail: 'far', scale: Math.min(5, 0.85 / step) }
}

/** How much cards show now. */
export const DetailContext = createContext<Detail>('near')
