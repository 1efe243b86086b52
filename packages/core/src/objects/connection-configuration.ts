import { string2 } from '../cip/data-types.ts'
import { sizedEPath } from '../cip/epath.ts'
import { attribute, objectClass, service } from '../cip/object.ts'
import { bytes, countedBytes, rest } from '../wire/bytes.ts'
import { u8, u16, u32 } from '../wire/numbers.ts'
import { reserved, struct } from '../wire/struct.ts'

const deviceId = struct({ vendorId: u16, deviceType: u16, productCode: u16, majorRevision: u8, minorRevision: u8 })

/**
 * Connection Configuration Object, class 0xF3: the connections a scanner opens (Volume 2, 5-6 via cip-security-wire
 * 4.7). Attribute numbers other than 6 are `inferred`. Declared for clients; Cordon's devices do not have it.
 */
export const connectionConfiguration = objectClass({
  id: 0xf3,
  name: 'Connection Configuration',
  classAttributes: {
    formatNumber: attribute(8, u16),
    editSignature: attribute(9, u32),
    scannerMode: attribute(33, u8),
  },
  attributes: {
    status: attribute(1, struct({ general: u8, pad: reserved(u8, 0), extended: u16 })),
    /** Bit 0 target, 1..3 O->T format, 4..6 T->O format. */
    flags: attribute(2, u16),
    targetDevice: attribute(3, deviceId),
    csDataIndex: attribute(4, u32),
    parameters: attribute(
      5,
      struct({ multiplier: u8, class: u8, outputRpi: u32, output: u16, inputRpi: u32, input: u16 }),
    ),
    /** A secured connection names its target with `:2221` in the port segment. */
    path: attribute(6, sizedEPath),
    proxyConfiguration: attribute(7, countedBytes(u16)),
    name: attribute(8, string2),
    mapping: attribute(9, struct({ format: u16, data: countedBytes(u16) })),
    targetConfiguration: attribute(10, countedBytes(u16)),
    proxyDevice: attribute(11, deviceId),
    disabled: attribute(12, u8),
    parameterSelection: attribute(13, u8),
    largeParameters: attribute(
      14,
      struct({ multiplier: u8, class: u8, outputRpi: u32, output: u32, inputRpi: u32, input: u32 }),
    ),
    safetyParameters: attribute(15, bytes(55)),
  },
  services: {
    kickTimer: service(0x4b, { level: 'both' }),
    open: service(0x4c, { level: 'both' }),
    close: service(0x4d, { level: 'both' }),
    stop: service(0x4e, { level: 'both' }),
    changeStart: service(0x4f, { level: 'class' }),
    getStatus: service(0x50, { reply: rest, level: 'class' }),
    /** 0 full, 1 incremental. */
    changeComplete: service(0x51, { request: u16, level: 'class' }),
    auditChanges: service(0x52, { reply: rest, level: 'class' }),
  },
})
