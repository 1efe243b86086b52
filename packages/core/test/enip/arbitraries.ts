import type { CommonPacketItem, EncapsulationMessage, SocketAddress } from '@cordon/core/enip'
import {
  encapsulationCommands,
  encapsulationStatuses,
  ethernetIpCapabilities,
  ethernetIpUsages,
  ianaPorts,
  securityProfiles,
} from '@cordon/core/enip'
import fc from 'fast-check'
import { latin1Text, unsigned, visibleText } from '../wire/properties.ts'

/** A listed name, or a number that is not listed. */
export function nameOrNumber<T extends Readonly<Record<string, number>>>(
  table: T,
  bits: 8 | 16 | 32,
): fc.Arbitrary<(keyof T & string) | number> {
  const listed = new Set(Object.values(table))
  // Object.keys gives the keys of the table as plain strings.
  const names = Object.keys(table) as (keyof T & string)[]
  return fc.oneof(
    fc.constantFrom(...names),
    unsigned(bits).filter((number) => !listed.has(number)),
  )
}

/** Every named bit of a table, true or false. */
export function flags<T extends Readonly<Record<string, number>>>(
  table: T,
): fc.Arbitrary<{ readonly [K in keyof T]: boolean }> {
  // The record has exactly the keys of the table.
  return fc.record(
    Object.fromEntries(Object.keys(table).map((name) => [name, fc.boolean()])),
  ) as unknown as fc.Arbitrary<{
    readonly [K in keyof T]: boolean
  }>
}

export const socketAddresses: fc.Arbitrary<SocketAddress> = fc.record({ address: fc.ipV4(), port: unsigned(16) })

export const encapsulationMessages: fc.Arbitrary<EncapsulationMessage> = fc.record({
  command: nameOrNumber(encapsulationCommands, 16),
  session: unsigned(32),
  status: nameOrNumber(encapsulationStatuses, 32),
  senderContext: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  options: unsigned(32),
  data: fc.uint8Array({ maxLength: 60 }),
})

const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name)
const data = fc.uint8Array({ maxLength: 40 })
const extra = fc.uint8Array({ minLength: 1, maxLength: 6 })

const revision = fc.record({ major: unsigned(8), minor: unsigned(8) })

/** Every kind of item, unknown ones included. */
export const commonPacketItems: fc.Arbitrary<CommonPacketItem> = fc.oneof(
  fc.record({ kind: kind('nullAddress') }),
  fc.record({
    kind: kind('identity'),
    protocolVersion: unsigned(16),
    socketAddress: socketAddresses,
    vendorId: unsigned(16),
    deviceType: unsigned(16),
    productCode: unsigned(16),
    revision,
    status: unsigned(16),
    serialNumber: unsigned(32),
    productName: latin1Text({ maxLength: 40 }),
    state: unsigned(8),
  }),
  fc.record({
    kind: kind('securityInformation'),
    profiles: flags(securityProfiles),
    cipSecurityState: nameOrNumber(
      { factoryDefault: 0, configurationInProgress: 1, configured: 2, incompleteConfiguration: 3 } as const,
      8,
    ),
    ethernetIpSecurityState: fc.constantFrom(
      'factoryDefault' as const,
      'configured' as const,
      'pullModelDisabled' as const,
    ),
    openPorts: flags(ianaPorts),
  }),
  fc.record({
    kind: kind('securityInformation'),
    profiles: flags(securityProfiles),
    cipSecurityState: fc.constant('configured' as const),
    ethernetIpSecurityState: fc.constant('configured' as const),
    openPorts: flags(ianaPorts),
    profilesConfigured: flags(securityProfiles),
    extra,
  }),
  fc.record({ kind: kind('ethernetIpCapability'), capabilities: flags(ethernetIpCapabilities) }),
  fc.record({ kind: kind('ethernetIpCapability'), capabilities: flags(ethernetIpCapabilities), extra }),
  fc.record({ kind: kind('ethernetIpUsage'), usages: flags(ethernetIpUsages) }),
  fc.record({ kind: kind('connectedAddress'), connectionId: unsigned(32) }),
  fc.record({ kind: kind('connectedData'), data }),
  fc.record({ kind: kind('unconnectedData'), data }),
  fc.record({
    kind: kind('listServices'),
    protocolVersion: unsigned(16),
    capabilities: flags({ cipOverTcp: 5, class0Or1OverUdp: 8 } as const),
    name: visibleText({ maxLength: 16 }),
  }),
  fc.record({ kind: kind('socketAddressOriginatorToTarget'), address: fc.ipV4(), port: unsigned(16) }),
  fc.record({ kind: kind('socketAddressTargetToOriginator'), address: fc.ipV4(), port: unsigned(16) }),
  fc.record({ kind: kind('sequencedAddress'), connectionId: unsigned(32), sequence: unsigned(32) }),
  fc.record({
    kind: kind('unconnectedDtls'),
    messageType: fc.oneof(fc.constant('ucmmNoAck' as const), fc.integer({ min: 2, max: 0x7fff })),
    reply: fc.boolean(),
    transaction: unsigned(32),
    status: nameOrNumber(encapsulationStatuses, 32),
    message: data,
  }),
  fc.record({ kind: kind('unknown'), type: fc.integer({ min: 0x9000, max: 0xffff }), data }),
)
