/**
 * A plant of virtual EtherNet/IP devices with real sockets.
 * @module
 */
export { checkAddresses, lockAddresses } from './address-lock.ts'
export {
  type ControlHandlers,
  type ControlOperation,
  type ControlRequests,
  ControlServer,
  controlPath,
  defaultDirectory,
  PlantControl,
} from './control.ts'
export type { Interception } from './man-in-the-middle.ts'
export { runSimulator, type SimulatorOptions } from './main.ts'
export { type PlantLogEntry, type PlantOptions, VirtualPlant } from './plant.ts'
export type { ConnectionProtection, ConnectionStatus, DeviceStatus } from './status.ts'
export type { VirtualDevice } from './virtual-device.ts'
export { openVendorPki, type VendorPki } from './vendor-pki.ts'
