/**
 * Loopback addresses of this test process alone, out of 127.64.0.0/10: two processes that run at the same time get
 * different ones, so tests can use the standard ports.
 */
export function testAddress(host: number): string {
  const process10 = process.pid & 0x3fff
  return `127.${64 + (process10 >> 8)}.${process10 & 0xff}.${host}`
}
