import { testAddress } from '../addresses.ts'

/** Limits for devices of our own on the loopback: they are quick, and their silence is short. */
export const quick = { silenceMs: 500, perSecond: 150 } as const

/**
 * A small plant with everything that a plant can have: two zones without a conduit between them, a plain client of one
 * device, closed and open ports. `block` keeps the addresses of plants apart that run at the same time: 0 to 5.
 */
export function smallPlant(block: number): string {
  const address = (host: number) => testAddress(block * 40 + host)
  return `
version: 1
plant: small
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
nonSecure: allow
suites: [0xC02C, 0xC023, 0xC006]
manager: Manager
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity, close: [udp/2222] }
  red: { authentication: certificate, messaging: integrity, io: integrity, close: [tcp/44818, udp/44818, udp/2222] }
  operations: { authentication: certificate, messaging: confidentiality, io: integrity }
  legacy: { authentication: none, messaging: none, io: none, nonSecure: allow }
devices:
  Green_1: { address: ${address(1)}, zone: green, expect: { vendor: 1, serial: 4711 } }
  Green_2: { address: ${address(2)}, zone: green }
  Red_1: { address: ${address(3)}, zone: red }
  Red_2: { address: ${address(4)}, zone: red }
  Panel: { address: ${address(5)}, zone: legacy, capability: none, role: originator, io: deny }
  Manager: { address: ${address(6)}, zone: operations, role: originator, io: deny }
conduits:
  - { between: [Green_1, Panel], authentication: trusted-ip, opens: Panel }
connections:
  - { name: Green_reads, from: Green_1, to: Green_2, class: 3, rpi: 750ms, outputSize: 100, inputSize: 100 }
  - { name: Panel_reads, from: Panel, to: Green_1, class: 3, rpi: 750ms, outputSize: 100, inputSize: 100 }
tests:
  - { from: Green_1, to: Red_1, access: denied }
`
}
