import { UsageError } from '../errors.ts'
import { calendarOf } from '../wire/calendar.ts'
import { latin1Bytes } from '../wire/text.ts'
import { derEncode } from './der.ts'
import { derTags } from './strict.ts'

/** A time as RFC 5280 4.1.2.5 writes it: UTCTime to 2049, GeneralizedTime from 2050. */
export function encodeTime(at: number): Uint8Array {
  const { year, month, day, hour, minute, second } = calendarOf(at)
  const two = (n: number) => String(n).padStart(2, '0')
  const tail = `${two(month)}${two(day)}${two(hour)}${two(minute)}${two(second)}Z`
  if (year < 1950 || year > 9999)
    throw new UsageError('bad-value', `expected a time from 1950 to 9999, got year ${year}`)
  return year < 2050
    ? derEncode(derTags.utcTime, latin1Bytes(two(year % 100) + tail))
    : derEncode(derTags.generalizedTime, latin1Bytes(String(year) + tail))
}
