import { generalStatus } from '../../cip/general-status.ts'
import { path } from '../../cip/epath.ts'
import { configurationCapabilityBits, tcpIp } from '../../objects/tcp-ip.ts'
import { parseAddress } from '../../policy/address.ts'
import { behaviour, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure } from '../context.ts'
import { done, type Outcome, type Refusal, refuse } from '../outcome.ts'

/** Configured by its host, so in the words of the object by hardware. */
const configuredStatus = 0x02

/** Capability of every administered port: configurable, no reset needed. */
const configurable = 0x01

/** IP protocol number of ICMP. */
const icmp = 1

const noBytes6 = new Uint8Array(6)
const noConflict = new Uint8Array(35)

function number(address: string | undefined): number {
  return address === undefined ? 0 : (parseAddress(address) ?? 0)
}

interface PortChange {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly open: boolean
}

function setPorts(call: Call, changes: readonly PortChange[]): Outcome<undefined> {
  const { device, link } = call
  const { ports } = device.data.tcpIp
  const wanted = new Map(ports.map((entry) => [entry, entry.open]))
  for (const change of changes) {
    const entry = ports.find(({ port, protocol }) => port === change.port && protocol === change.protocol)
    if (entry === undefined) return refuse(generalStatus.invalidParameter)
    wanted.set(entry, change.open)
  }
  if (!leavesWayIn(device, (port, protocol) => isOpenIn(wanted, port, protocol))) {
    return refuse(generalStatus.objectStateConflict)
  }
  const closed = ports.filter((entry) => entry.open && wanted.get(entry) === false)
  const opened = ports.filter((entry) => !entry.open && wanted.get(entry) === true)
  if (closed.length + opened.length === 0) return done
  for (const [entry, open] of wanted) entry.open = open
  device.changed()
  device.act({ kind: 'ports-changed' })
  const shut = [...device.links].filter((peer) =>
    closed.some((entry) => entry.port === peer.localPort && entry.protocol === protocolOf(peer.transport)),
  )
  if (shut.length > 0) device.act({ kind: 'close-links', which: shut, afterMs: 0, reason: 'their port was closed' })
  if (closed.some(({ port }) => port === plainIoPort)) device.endPlainIo()
  const names = [
    ...closed.map((entry) => `${entry.protocol}/${entry.port} closed`),
    ...opened.map((entry) => `${entry.protocol}/${entry.port} opened`),
  ]
  device.report('port-state', 'notice', names.join(', '), link)
  return done
}

const plainIoPort = 2222

function protocolOf(transport: string): 'tcp' | 'udp' {
  return transport === 'tcp' || transport === 'tls' ? 'tcp' : 'udp'
}

function isOpenIn(
  wanted: ReadonlyMap<{ readonly port: number; readonly protocol: string }, boolean>,
  port: number,
  protocol: 'tcp' | 'udp',
): boolean {
  for (const [entry, open] of wanted) if (entry.port === port && entry.protocol === protocol) return open
  return false
}

/**
 * Could somebody still configure the device?
 *
 * Deviation: a request that would leave no way in is refused with 0x0C; once configured, plain ports are none.
 */
function leavesWayIn(device: DeviceContext, isOpen: (port: number, protocol: 'tcp' | 'udp') => boolean): boolean {
  if (isOpen(2221, 'tcp') || isOpen(2221, 'udp')) return true
  return !isConfigured(device) && isOpen(44818, 'tcp')
}

function setProtocols(
  call: Call,
  changes: readonly { readonly protocol: number; readonly open: boolean }[],
): Outcome<undefined> {
  const { device } = call
  if (changes.some(({ protocol }) => protocol !== icmp)) return refuse(generalStatus.invalidParameter)
  const last = changes.at(-1)
  if (last === undefined || last.open === device.data.tcpIp.icmpOpen) return done
  device.data.tcpIp.icmpOpen = last.open
  device.changed()
  device.report('port-state', 'notice', `ICMP ${last.open ? 'opened' : 'closed'}`, call.link)
  return done
}

function kept(device: DeviceContext, change: () => void): undefined {
  change()
  device.changed()
  return undefined
}

const invalid: Refusal = refuse(generalStatus.invalidAttributeValue)

/** Longest host name, characters. */
const longestHostName = 64

/** How a device behaves as TCP/IP Interface Object. Addresses are its host's; they cannot be set. */
export const tcpIpBehaviour = behaviour(tcpIp, {
  revision: 4,
  get: {
    status: () => configuredStatus,
    configurationCapability: () => configurationCapabilityBits.hardware,
    configurationControl: () => 0,
    physicalLink: () => path({ class: 0xf6, instance: 1 }),
    interfaceConfiguration: ({ device: { options } }) => ({
      address: number(options.address),
      networkMask: number(options.networkMask ?? '255.255.255.0'),
      gateway: number(options.gateway),
      nameServer: 0,
      nameServer2: 0,
      domain: options.domain ?? '',
    }),
    hostName: ({ device }) => device.data.tcpIp.hostName,
    safetyNetworkNumber: () => noBytes6,
    ttl: ({ device }) => device.data.tcpIp.ttl,
    multicast: ({ device }) => ({
      allocation: 0,
      reserved: 0,
      count: device.options.multicastGroup === undefined ? 0 : 1,
      start: number(device.options.multicastGroup),
    }),
    selectAcd: ({ device }) => device.data.tcpIp.selectAcd,
    lastConflict: () => noConflict,
    quickConnect: ({ device }) => device.data.tcpIp.quickConnect,
    encapsulationInactivityTimeout: ({ device }) => device.data.tcpIp.inactivityTimeoutS,
    portAdmin: ({ device }) =>
      device.data.tcpIp.ports.map(({ name, port, protocol, open }) => ({
        name,
        port,
        protocol,
        open,
        capability: configurable,
      })),
    protocolAdmin: ({ device }) => [
      { name: 'ICMP', protocol: icmp, open: device.data.tcpIp.icmpOpen, capability: configurable },
    ],
    activeTcpConnections: ({ device }) => {
      let count = 0
      for (const link of device.links) if (link.transport === 'tcp' || link.transport === 'tls') count++
      return count
    },
    nonCipMessagesPerSecond: ({ device, now }) => device.nonCipMessages.perSecond(now),
  },
  set: {
    // Static is all there is.
    configurationControl: (_, value) => (value === 0 ? undefined : invalid),
    hostName: ({ device }, value) =>
      value.length > longestHostName
        ? invalid
        : kept(device, () => {
            device.data.tcpIp.hostName = value
          }),
    ttl: ({ device }, value) =>
      value === 0
        ? invalid
        : kept(device, () => {
            device.data.tcpIp.ttl = value
          }),
    selectAcd: ({ device }, value) =>
      kept(device, () => {
        device.data.tcpIp.selectAcd = value
      }),
    quickConnect: ({ device }, value) =>
      kept(device, () => {
        device.data.tcpIp.quickConnect = value
      }),
    encapsulationInactivityTimeout: ({ device }, value) =>
      value > longestInactivityS
        ? invalid
        : kept(device, () => {
            device.data.tcpIp.inactivityTimeoutS = value
          }),
  },
  services: {
    setPortAdminState: setPorts,
    setProtocolAdminState: setProtocols,
  },
  guard: ({ device, link }) => {
    if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
    return isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined
  },
})

/** Longest encapsulation inactivity timeout, seconds (0xF5 attribute 13). */
const longestInactivityS = 3600
