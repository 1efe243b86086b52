import { open } from 'node:fs/promises'
import { linkTypes, pcapWriter } from '@cordon/core/capture'
import {
  commonServices,
  connectionManagerClass,
  connectionManagerServices,
  forwardOpenReply,
  forwardOpenRequest,
  messageRouterReply,
  messageRouterRequest,
  type NetworkParameters,
  path,
  success,
  timeoutOf,
} from '@cordon/core/cip'
import {
  connectedMessage,
  type EncapsulationCommandName,
  encapsulate,
  encapsulationProtocolVersion,
  IoFrameTemplate,
  registerSession,
  unconnectedMessage,
} from '@cordon/core/enip'
import { encode } from '@cordon/core/wire'
import { addressBytes } from '@cordon/core/x509'

/** Devices, each with a TCP connection, a class 1 connection and a class 3 connection of one originator. */
const devices = 200
/** Bytes of the application in a class 1 datagram: with everything before them the frame has 130 bytes or 126. */
const ioData = 64
/** Class 1 datagrams of each direction between two explicit requests: fourteen of twenty packets. */
const ioPerRound = 7
const firstUs = 1_700_000_000_000_000
/** Between two packets: some 7000 of them in a second. */
const stepUs = 140
const originator = addressBytes('10.0.0.1')
const ethernetHeader = 14
const ipHeader = 20
const udpHeader = 8
const tcpHeader = 20
const recordHeader = 16

/** What was written. */
export interface WrittenCapture {
  readonly packets: number
  readonly bytes: number
  /** Of the packets. */
  readonly class1: number
  readonly conversations: number
}

/**
 * Writes a pcap file of at least `bytes` bytes and `packets` packets: a plant in which 70 % of the packets are class 1
 * datagrams of about 130 bytes; the others are explicit messages on TCP 44818 with their acknowledgements, and a few that
 * are not IP. All messages are made by the codecs of the product.
 */
export async function writeCapture(
  file: string,
  limits: { bytes?: number; packets?: number },
): Promise<WrittenCapture> {
  const { bytes: leastBytes = 0, packets: leastPackets = 0 } = limits
  const handle = await open(file, 'w')
  try {
    const sink = new RecordSink()
    const plant = Array.from({ length: devices }, (_, place) => new DeviceTraffic(sink, place))
    const arp = sink.record(ethernet(0x0806, new Uint8Array(46)))
    let written = 0
    const flush = async () => {
      const part = sink.take()
      await handle.write(part)
      written += part.length
    }
    for (const device of plant) device.open()
    await flush()
    for (let round = 0; written < leastBytes || sink.packets < leastPackets; round++) {
      for (const device of plant) {
        device.round(round)
        if (sink.length > 4 * 1024 * 1024) await flush()
      }
      sink.write(arp)
    }
    await flush()
    return { packets: sink.packets, bytes: written, class1: sink.class1, conversations: devices * 2 }
  } finally {
    await handle.close()
  }
}

/** Gathers records with rising times. */
class RecordSink {
  packets = 0
  class1 = 0
  length = 0
  readonly #writer = pcapWriter({ linkType: linkTypes.ethernet })
  #bytes = new Uint8Array(8 * 1024 * 1024)
  #view = new DataView(this.#bytes.buffer)

  constructor() {
    const header = this.#writer.header()
    this.#bytes.set(header)
    this.length = header.length
  }

  /** A record to be written again and again, changed in between. */
  record(frame: Uint8Array): Uint8Array {
    return this.#writer.packet({ timeUs: 0, data: frame }).slice()
  }

  write(record: Uint8Array): void {
    const timeUs = firstUs + this.packets * stepUs
    this.#bytes.set(record, this.length)
    this.#view.setUint32(this.length, Math.floor(timeUs / 1_000_000), true)
    this.#view.setUint32(this.length + 4, timeUs % 1_000_000, true)
    this.length += record.length
    this.packets++
  }

  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.length)
    this.length = 0
    return taken
  }
}

type Side = 'originator' | 'target'

/** What one device and the originator say to each other. */
class DeviceTraffic {
  readonly #sink: RecordSink
  readonly #address: Uint8Array
  readonly #place: number
  readonly #io: { readonly record: Uint8Array; readonly template: IoFrameTemplate; readonly at: number }[]
  readonly #next: { [S in Side]: number }
  readonly #segments = new Map<string, Uint8Array>()
  #sequence = 0

  constructor(sink: RecordSink, place: number) {
    this.#sink = sink
    this.#place = place
    this.#address = addressBytes(`10.1.${place >> 8}.${place & 255}`)
    this.#next = { originator: 1000 + place, target: 0xffff_0000 + place }
    const templates = [
      new IoFrameTemplate(this.#id('originator', 1), { transportClass: 1, runIdleHeader: true }, ioData),
      new IoFrameTemplate(this.#id('target', 1), { transportClass: 1, runIdleHeader: false }, ioData),
    ]
    templates[0]?.setRunIdle({ run: true })
    this.#io = templates.map((template, i) => {
      const datagram = udp(2222, 2222, template.bytes)
      const record = sink.record(this.#ip(i === 0 ? 'originator' : 'target', 17, datagram))
      return { record, template, at: recordHeader + ethernetHeader + ipHeader + udpHeader }
    })
  }

  /** The connections are opened: TCP, session, class 1, class 3. */
  open(): void {
    this.#tcp('originator', 0x02)
    this.#tcp('target', 0x12)
    this.#tcp('originator', 0x10)
    const data = encode(registerSession, { protocolVersion: encapsulationProtocolVersion, flags: 0 })
    this.#say('originator', 'registerSession', data, 0)
    this.#say('target', 'registerSession', data)
    for (const transportClass of [1, 3]) this.#forwardOpen(transportClass)
  }

  /** A request with its reply and acknowledgement, and class 1 data of both directions around them. */
  round(round: number): void {
    for (let i = 0; i < ioPerRound; i++) this.#cycle()
    const request = encode(messageRouterRequest, {
      service: commonServices.getAttributeSingle,
      path: path({ class: 4, instance: 100 + (round % 7), attribute: 3 }),
      data: new Uint8Array(0),
    })
    const reply = encode(messageRouterReply, success(commonServices.getAttributeSingle, new Uint8Array(32)))
    const isConnected = round % 2 === 0
    const count = round & 0xffff
    for (const [side, message] of [
      ['originator', request],
      ['target', reply],
    ] as const) {
      if (isConnected) {
        const connectionId = this.#id(side, 3)
        this.#say(side, 'sendUnitData', connectedMessage({ connectionId, sequenceCount: count, message }))
      } else this.#say(side, 'sendRRData', unconnectedMessage(message))
      this.#tcp(side === 'originator' ? 'target' : 'originator', 0x10)
    }
    // As after a keep-alive: six packets beside fourteen with data of class 1.
    this.#tcp('originator', 0x10)
    this.#tcp('target', 0x10)
  }

  /** Class 1 data in both directions. */
  #cycle(): void {
    this.#sequence++
    for (const { record, template, at } of this.#io) {
      template.setSequence(this.#sequence)
      template.setSequenceCount(this.#sequence & 0xffff)
      template.data[0] = this.#sequence >> 2
      record.set(template.bytes, at)
      this.#sink.class1++
      this.#sink.write(record)
    }
  }

  #forwardOpen(transportClass: number): void {
    const parameters = (size: number): NetworkParameters => ({
      redundantOwner: false,
      type: 'pointToPoint',
      priority: transportClass === 1 ? 'scheduled' : 'low',
      sizeType: transportClass === 1 ? 'fixed' : 'variable',
      size,
    })
    const ids = {
      otConnectionId: this.#id('originator', transportClass),
      toConnectionId: this.#id('target', transportClass),
    }
    const triad = {
      connectionSerialNumber: this.#place * 4 + transportClass,
      originatorVendorId: 77,
      originatorSerialNumber: 0x0102_0304,
    }
    const request = encode(forwardOpenRequest, {
      timeout: timeoutOf(5000),
      ...ids,
      ...triad,
      timeoutMultiplier: 2,
      otRpi: 20_000,
      otParameters: parameters(transportClass === 1 ? ioData + 6 : 500),
      toRpi: 20_000,
      toParameters: parameters(transportClass === 1 ? ioData + 2 : 500),
      transport: { direction: transportClass === 1 ? 'client' : 'server', trigger: 'cyclic', transportClass },
      path:
        transportClass === 1
          ? path({ class: 4, instance: 151, connectionPoints: [150, 100] })
          : path({ class: 2, instance: 1 }),
    })
    const service = connectionManagerServices.forwardOpen
    const reply = encode(forwardOpenReply, {
      ...ids,
      ...triad,
      otApi: 20_000,
      toApi: 20_000,
      applicationReply: new Uint8Array(0),
    })
    const message = encode(messageRouterRequest, {
      service,
      path: path({ class: connectionManagerClass, instance: 1 }),
      data: request,
    })
    this.#say('originator', 'sendRRData', unconnectedMessage(message))
    this.#say('target', 'sendRRData', unconnectedMessage(encode(messageRouterReply, success(service, reply))))
  }

  /** The connection id that a side sends with. */
  #id(side: Side, transportClass: number): number {
    return ((side === 'originator' ? 0x1000_0000 : 0x2000_0000) + transportClass * 0x1_0000 + this.#place) >>> 0
  }

  #say(side: Side, command: EncapsulationCommandName, data: Uint8Array, session = 0x5000 + this.#place): void {
    this.#tcp(side, 0x18, encapsulate({ command, session, data }))
  }

  #tcp(side: Side, flags: number, data: Uint8Array = new Uint8Array(0)): void {
    const other = side === 'originator' ? 'target' : 'originator'
    const key = `${side} ${data.length}`
    let record = this.#segments.get(key)
    if (record === undefined) {
      const segment = new Uint8Array(tcpHeader + data.length)
      const ports = side === 'originator' ? [40_000 + this.#place, 44_818] : [44_818, 40_000 + this.#place]
      segment.set(big16(ports[0] ?? 0))
      segment.set(big16(ports[1] ?? 0), 2)
      segment[12] = (tcpHeader / 4) << 4
      segment.set([0x20, 0], 14)
      record = this.#sink.record(this.#ip(side, 6, segment))
      this.#segments.set(key, record)
    }
    const at = recordHeader + ethernetHeader + ipHeader
    const view = new DataView(record.buffer, record.byteOffset)
    view.setUint32(at + 4, this.#next[side] >>> 0)
    view.setUint32(at + 8, (flags & 0x10) === 0 ? 0 : this.#next[other] >>> 0)
    view.setUint8(at + 13, flags)
    record.set(data, at + tcpHeader)
    this.#next[side] += data.length + ((flags & 0x02) === 0 ? 0 : 1)
    this.#sink.write(record)
  }

  #ip(side: Side, protocol: number, payload: Uint8Array): Uint8Array {
    const packet = new Uint8Array(ipHeader + payload.length)
    packet.set([0x45, 0, ...big16(packet.length), 0, 0, 0x40, 0, 64, protocol])
    packet.set(side === 'originator' ? originator : this.#address, 12)
    packet.set(side === 'originator' ? this.#address : originator, 16)
    packet.set(payload, ipHeader)
    return ethernet(0x0800, packet)
  }
}

function ethernet(type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ethernetHeader + payload.length)
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...big16(type)])
  frame.set(payload, ethernetHeader)
  return frame
}

function udp(source: number, destination: number, data: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(udpHeader + data.length)
  datagram.set([...big16(source), ...big16(destination), ...big16(datagram.length), 0, 0])
  datagram.set(data, udpHeader)
  return datagram
}

function big16(value: number): [number, number] {
  return [(value >> 8) & 255, value & 255]
}
