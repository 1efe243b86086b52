import type { Codec } from './codec.ts'

/** Unsigned byte. */
export const u8: Codec<number> = { read: (r) => r.u8(), write: (w, v) => w.u8(v) }
/** 2 bytes unsigned, little-endian. */
export const u16: Codec<number> = { read: (r) => r.u16(), write: (w, v) => w.u16(v) }
/** 4 bytes unsigned, little-endian. */
export const u32: Codec<number> = { read: (r) => r.u32(), write: (w, v) => w.u32(v) }
/** 8 bytes unsigned, little-endian. */
export const u64: Codec<bigint> = { read: (r) => r.u64(), write: (w, v) => w.u64(v) }
/** 2 bytes unsigned, big-endian: socket addresses, cipher suites. */
export const u16be: Codec<number> = { read: (r) => r.u16(false), write: (w, v) => w.u16(v, false) }
/** 4 bytes unsigned, big-endian. */
export const u32be: Codec<number> = { read: (r) => r.u32(false), write: (w, v) => w.u32(v, false) }
/** Signed byte. */
export const i8: Codec<number> = { read: (r) => r.i8(), write: (w, v) => w.i8(v) }
/** 2 bytes signed, little-endian. */
export const i16: Codec<number> = { read: (r) => r.i16(), write: (w, v) => w.i16(v) }
/** 4 bytes signed, little-endian. */
export const i32: Codec<number> = { read: (r) => r.i32(), write: (w, v) => w.i32(v) }
/** 8 bytes signed, little-endian. */
export const i64: Codec<bigint> = { read: (r) => r.i64(), write: (w, v) => w.i64(v) }
/** IEEE 754 single, little-endian. */
export const f32: Codec<number> = { read: (r) => r.f32(), write: (w, v) => w.f32(v) }
/** IEEE 754 double, little-endian. */
export const f64: Codec<number> = { read: (r) => r.f64(), write: (w, v) => w.f64(v) }
