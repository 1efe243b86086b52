import { extendedStatusName, isSecurityRelated } from '../../cip/extended-status.ts'
import { generalStatus } from '../../cip/general-status.ts'
import { commonClassAttributes, type ObjectClass } from '../../cip/object.ts'
import { commonServices, connectionManagerClass } from '../../cip/services.ts'
import { symbolClass } from '../../cip/tag.ts'
import { templateClass } from '../../cip/tag-template.ts'
import { assembly } from '../../objects/assembly.ts'
import { certificateManagement } from '../../objects/certificate-management.ts'
import { cipSecurity } from '../../objects/cip-security.ts'
import { connectionConfiguration } from '../../objects/connection-configuration.ts'
import { connectionManager } from '../../objects/connection-manager.ts'
import { ethernetIpSecurity } from '../../objects/ethernet-ip-security.ts'
import { ethernetLink } from '../../objects/ethernet-link.ts'
import { file } from '../../objects/file.ts'
import { identity } from '../../objects/identity.ts'
import { ingressEgress } from '../../objects/ingress-egress.ts'
import { messageRouter } from '../../objects/message-router.ts'
import { port } from '../../objects/port.ts'
import { qos } from '../../objects/qos.ts'
import { tcpIp } from '../../objects/tcp-ip.ts'
import { hexadecimal } from '../../wire/text.ts'

const objectClasses: readonly ObjectClass[] = [
  identity,
  messageRouter,
  assembly,
  connectionManager,
  file,
  qos,
  cipSecurity,
  ethernetIpSecurity,
  certificateManagement,
  ingressEgress,
  connectionConfiguration,
  port,
  tcpIp,
  ethernetLink,
]

const classes: ReadonlyMap<number, ObjectClass> = new Map(objectClasses.map((one) => [one.id, one]))

/** Classes of which only the name is known here. */
const otherClasses: ReadonlyMap<number, string> = new Map([
  [0x05, 'Connection'],
  [symbolClass, 'Symbol'],
  [templateClass, 'Template'],
])

/** Services on the path of a tag, by the words that the figures of published captures use. */
const tagServiceNames: ReadonlyMap<number, string> = new Map([
  [0x4c, 'Data_Table_Read'],
  [0x4d, 'Data_Table_Write'],
  [0x4e, 'Read_Modify_Write'],
  [0x52, 'Data_Table_Read_Fragmented'],
  [0x53, 'Data_Table_Write_Fragmented'],
  [0x55, 'Get_Instance_Attribute_List'],
])

const abbreviations: Readonly<Record<string, string>> = { csr: 'CSR', psk: 'PSK', rpi: 'RPI', ot: 'O->T', to: 'T->O' }

/** A name of a table as words: `Get Attribute Single` for `getAttributeSingle`. */
export function wordsOf(name: string): string {
  return name
    .split(/(?=[A-Z])/)
    .map((word) => abbreviations[word.toLowerCase()] ?? word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ')
}

function byNumber(table: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(table).map(([name, code]) => [code, wordsOf(name)]))
}

const commonNames = byNumber(commonServices)
const statusNames = byNumber(generalStatus)

/** Services and attributes by class, made once: rows are written by the thousand. */
const servicesOf = new Map(
  objectClasses.map((one) => [
    one.id,
    new Map(Object.entries(one.services).map(([name, { code }]) => [code, wordsOf(name)])),
  ]),
)
const attributesOf = new Map(
  objectClasses.map((one) => [
    one.id,
    new Map(Object.entries(one.attributes).map(([name, { id }]) => [id, wordsOf(name)])),
  ]),
)
const classAttributesOf = new Map(
  objectClasses.map((one) => [
    one.id,
    new Map(Object.entries(one.classAttributes).map(([name, { id }]) => [id, wordsOf(name)])),
  ]),
)
const commonAttributes = new Map(Object.entries(commonClassAttributes).map(([name, { id }]) => [id, wordsOf(name)]))

/** The name of an object class: `EtherNet/IP Security`, or `Class 0xAC`. */
export function className(id: number): string {
  return classes.get(id)?.name ?? otherClasses.get(id) ?? `Class ${hexadecimal(id, 2)}`
}

/** The name of a service on a class (undefined: on a tag): `Forward Open`, `Begin Config`, or `Service 0x32`. */
export function serviceName(classId: number | undefined, code: number): string {
  const own = classId === undefined || classId === symbolClass ? tagServiceNames : servicesOf.get(classId)
  return own?.get(code) ?? commonNames.get(code) ?? `Service ${hexadecimal(code, 2)}`
}

/** The name of an attribute: `Allowed Suites`, or `attribute 99`. Instance 0 is the class itself. */
export function attributeName(classId: number, instance: number | undefined, id: number): string {
  const names =
    instance === 0 ? (classAttributesOf.get(classId) ?? commonAttributes) : (attributesOf.get(classId) ?? undefined)
  return names?.get(id) ?? `attribute ${id}`
}

/** A general status in words, with the first extended status word where the Connection Manager gives one. */
export function statusText(classId: number | undefined, status: number, extended: readonly number[] = []): string {
  const [first] = extended
  const general = statusNames.get(status) ?? `Status ${hexadecimal(status, 2)}`
  if (first === undefined || status === 0) return general
  if (status !== 1 || (classId !== undefined && classId !== connectionManagerClass))
    return `${general} ${hexadecimal(first, 4)}`
  const name = extendedStatusName(first)
  const words = name === undefined ? hexadecimal(first, 4) : wordsOf(name)
  return isSecurityRelated(first) ? `${general} (security: ${words})` : `${general} (${words})`
}
