import { hexadecimal } from '../wire/text.ts'

/** Common services by name (Volume 1, appendix A via cip-security-wire 2.4): every object class may have them. */
export const commonServices = {
  getAttributesAll: 0x01,
  setAttributesAll: 0x02,
  getAttributeList: 0x03,
  setAttributeList: 0x04,
  reset: 0x05,
  start: 0x06,
  stop: 0x07,
  create: 0x08,
  delete: 0x09,
  multipleServicePacket: 0x0a,
  applyAttributes: 0x0d,
  getAttributeSingle: 0x0e,
  setAttributeSingle: 0x10,
  findNextObjectInstance: 0x11,
  /** DeviceNet only. */
  errorResponse: 0x14,
  restore: 0x15,
  save: 0x16,
  noOperation: 0x17,
  getMember: 0x18,
  setMember: 0x19,
  insertMember: 0x1a,
  removeMember: 0x1b,
  groupSync: 0x1c,
  getConnectionPointMemberList: 0x1d,
} as const

/** The name of a common service. */
export type CommonServiceName = keyof typeof commonServices

/** Services of the Connection Manager, class 0x06 (Volume 1, 3-5.5 via cip-security-wire 3.1). */
export const connectionManagerServices = {
  forwardClose: 0x4e,
  unconnectedSend: 0x52,
  forwardOpen: 0x54,
  getConnectionData: 0x56,
  searchConnectionData: 0x57,
  getConnectionOwner: 0x5a,
  largeForwardOpen: 0x5b,
} as const

/** The name of a service of the Connection Manager. */
export type ConnectionManagerServiceName = keyof typeof connectionManagerServices

/** Class code of the Message Router, target of explicit connections. */
export const messageRouterClass = 0x02

/** Class code of the Connection Manager. */
export const connectionManagerClass = 0x06

const names = new Map<number, string>(Object.entries(commonServices).map(([name, code]) => [code, name]))

/** What people read: `getAttributeSingle (0x0E)`, or the bare number with its range. */
export function describeService(code: number): string {
  const hex = hexadecimal(code, 2)
  const name = names.get(code)
  if (name !== undefined) return `${name} (${hex})`
  if (code >= 0x32 && code <= 0x4a) return `vendor specific service ${hex}`
  return code >= 0x4b && code <= 0x63 ? `object class specific service ${hex}` : `unlisted service ${hex}`
}
