import type {
  ConnectionTriad,
  EPath,
  EPathSegment,
  ForwardOpenRequest,
  NetworkParameters,
  TransportClassTrigger,
  UnconnectedTimeout,
} from '@cordon/core/cip'
import fc from 'fast-check'
import { latin1Text, unsigned, wholeWords } from '../wire/properties.ts'

const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name)

/** A value of 8, 16 or 32 bits, sometimes in a wider form than it needs. */
const sizedValue = fc.oneof(unsigned(8), unsigned(16), unsigned(32)).chain((value) =>
  fc.constantFrom(8 as const, 16 as const, 32 as const).map((width) => {
    const least = value <= 0xff ? 8 : value <= 0xffff ? 16 : 32
    return width > least ? { value, width } : { value }
  }),
)

const key = {
  kind: kind('electronicKey'),
  vendorId: unsigned(16),
  deviceType: unsigned(16),
  productCode: unsigned(16),
  compatibility: fc.boolean(),
  majorRevision: fc.nat({ max: 127 }),
  minorRevision: unsigned(8),
}

/** Every kind of segment. */
export const segments: fc.Arbitrary<EPathSegment> = fc.oneof(
  fc
    .tuple(fc.constantFrom('class', 'instance', 'member', 'connectionPoint', 'attribute'), sizedValue)
    .map(([name, value]) => ({ kind: name, ...value })),
  fc.record({ kind: kind('serviceId'), value: unsigned(8) }),
  fc
    .tuple(
      fc.oneof(
        fc.constantFrom('arrayIndex' as const, 'structureMemberHandle' as const),
        fc.integer({ min: 7, max: 255 }),
      ),
      sizedValue,
    )
    .map(([type, value]) => ({ kind: 'extendedLogical' as const, type, ...value })),
  fc.record(key),
  fc.record({ ...key, serialNumber: unsigned(32) }),
  fc.record({
    kind: kind('port'),
    port: fc.oneof(fc.nat({ max: 16 }), unsigned(16)),
    linkAddress: fc.uint8Array({ maxLength: 20 }),
  }),
  fc.record({ kind: kind('schedule'), value: unsigned(8) }),
  fc.record({ kind: kind('fixedTag'), value: unsigned(8) }),
  fc.record({ kind: kind('productionInhibit'), milliseconds: unsigned(8) }),
  fc.record({ kind: kind('productionInhibitMicroseconds'), microseconds: unsigned(32) }),
  fc.record({ kind: kind('safety'), data: wholeWords(20).filter((data) => data.length !== 4) }),
  fc.record({ kind: kind('extendedNetwork'), subtype: unsigned(16), data: wholeWords(10) }),
  fc.record({
    kind: kind('network'),
    subtype: fc.constantFrom(0, 4, 15),
    data: fc.uint8Array({ minLength: 1, maxLength: 1 }),
  }),
  fc.record({ kind: kind('network'), subtype: fc.constantFrom(0x12, 0x1e), data: wholeWords(10) }),
  fc.record({ kind: kind('data'), data: wholeWords(20) }),
  fc.record({ kind: kind('symbol'), name: latin1Text({ maxLength: 40 }) }),
  fc.record({ kind: kind('symbolic'), name: latin1Text({ minLength: 1, maxLength: 31 }) }),
  sizedValue.map((value) => ({ kind: 'numericSymbol' as const, ...value })),
  fc
    .tuple(fc.constantFrom(2 as const, 3 as const), fc.nat({ max: 31 }))
    .chain(([characterSize, count]) =>
      fc
        .uint8Array({ minLength: characterSize * count, maxLength: characterSize * count })
        .map((characters) => ({ kind: 'multibyteSymbol' as const, characterSize, characters })),
    ),
  fc.record({ kind: kind('elementaryType'), code: fc.integer({ min: 0xc0, max: 0xdf }) }),
  fc.record({
    kind: kind('constructedType'),
    code: fc.integer({ min: 0xa0, max: 0xbf }),
    data: fc.uint8Array({ maxLength: 20 }),
  }),
)

/** Paths of up to six segments. */
export const paths: fc.Arbitrary<EPath> = fc.array(segments, { maxLength: 6 })

/** Paths of class, instance and attribute, as most requests have them. */
export const logicalPaths: fc.Arbitrary<EPath> = fc.tuple(unsigned(16), unsigned(16), unsigned(8)).map(([c, i, a]) => [
  { kind: 'class', value: c },
  { kind: 'instance', value: i },
  { kind: 'attribute', value: a },
])

export const timeouts: fc.Arbitrary<UnconnectedTimeout> = fc.record({
  priority: fc.boolean(),
  tick: fc.nat({ max: 15 }),
  ticks: unsigned(8),
})

export const triads: fc.Arbitrary<ConnectionTriad> = fc.record({
  connectionSerialNumber: unsigned(16),
  originatorVendorId: unsigned(16),
  originatorSerialNumber: unsigned(32),
})

/** Network parameters of at most `maximum` bytes. */
export const networkParametersUpTo = (maximum: number): fc.Arbitrary<NetworkParameters> =>
  fc.record({
    redundantOwner: fc.boolean(),
    type: fc.constantFrom('null', 'multicast', 'pointToPoint', 'reserved'),
    priority: fc.constantFrom('low', 'high', 'scheduled', 'urgent'),
    sizeType: fc.constantFrom('fixed', 'variable'),
    size: fc.nat({ max: maximum }),
  })

export const transports: fc.Arbitrary<TransportClassTrigger> = fc.record({
  direction: fc.constantFrom('client', 'server'),
  trigger: fc.oneof(
    fc.constantFrom('cyclic' as const, 'changeOfState' as const, 'application' as const),
    fc.integer({ min: 3, max: 7 }),
  ),
  transportClass: fc.nat({ max: 15 }),
})

/** Forward_Open requests with connection sizes of at most `maximum` bytes. */
export const forwardOpensUpTo = (maximum: number): fc.Arbitrary<ForwardOpenRequest> =>
  fc
    .tuple(
      triads,
      fc.record({
        timeout: timeouts,
        otConnectionId: unsigned(32),
        toConnectionId: unsigned(32),
        timeoutMultiplier: unsigned(8),
        otRpi: unsigned(32),
        otParameters: networkParametersUpTo(maximum),
        toRpi: unsigned(32),
        toParameters: networkParametersUpTo(maximum),
        transport: transports,
        path: paths,
      }),
    )
    .map(([triad, open]) => ({ ...triad, ...open }))
