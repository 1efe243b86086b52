/**
 * Wire formats as values: small codecs that combine into larger ones, with inferred types, bounds and error paths.
 * @module
 */
export { bytes, countedBytes, rest, restView } from './bytes.ts'
export { type BitsValue, bits, known, oneOf } from './choice.ts'
export { type Codec, decode, decodeFirst, encode, map, type Value } from './codec.ts'
export { counted, exactly, sized, toEnd } from './list.ts'
export { f32, f64, i8, i16, i32, i64, u8, u16, u16be, u32, u32be, u64 } from './numbers.ts'
export { Reader } from './reader.ts'
export { empty, type Optional, optional, type Reserved, reserved, type StructValue, struct } from './struct.ts'
export {
  fixedText,
  hexadecimal,
  latin1,
  latin1Bytes,
  longString,
  paddedString,
  shortString,
  utf8,
  utf8Bytes,
} from './text.ts'
export { Writer } from './writer.ts'
