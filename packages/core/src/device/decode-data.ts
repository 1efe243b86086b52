import { generalStatus } from '../cip/general-status.ts'
import { MalformedMessage } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'
import { Reader } from '../wire/reader.ts'
import { type Refusal, refuse } from './outcome.ts'

/** Reads service or attribute data: 0x13 for too little, 0x15 for too much, else `otherwise`. */
export function decodeData<T>(codec: Codec<T>, data: Uint8Array, otherwise: number): { readonly value: T } | Refusal {
  const reader = new Reader(data)
  try {
    const value = codec.read(reader)
    return reader.remaining > 0 ? refuse(generalStatus.tooMuchData) : { value }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return refuse(error.code === 'truncated' ? generalStatus.notEnoughData : otherwise)
  }
}
