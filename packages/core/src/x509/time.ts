import { UsageError } from '../errors.ts'
import { latin1Bytes } from '../wire/text.ts'
import { derEncode } from './der.ts'
import { derTags } from './strict.ts'

/** A time as RFC 5280 4.1.2.5 writes it: UTCTime to 2049, GeneralizedTime from 2050. */
export function encodeTime(at: number): Uint8Array {
  const seconds = Math.floor(at / 1000)
  const days = Math.floor(seconds / 86_400)
  const rest = seconds - days * 86_400
  // Years counted from March of year 0, in eras of 400 years (146097 days).
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const month = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1
  const civilMonth = month < 10 ? month + 3 : month - 9
  const year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
  const two = (n: number) => String(n).padStart(2, '0')
  const tail = `${two(civilMonth)}${two(day)}${two(Math.floor(rest / 3600))}${two(Math.floor(rest / 60) % 60)}${two(rest % 60)}Z`
  if (year < 1950 || year > 9999)
    throw new UsageError('bad-value', `expected a time from 1950 to 9999, got year ${year}`)
  return year < 2050
    ? derEncode(derTags.utcTime, latin1Bytes(two(year % 100) + tail))
    : derEncode(derTags.generalizedTime, latin1Bytes(String(year) + tail))
}
