import type { PlannedChange } from '../deployment/assess.ts'
import { cipSecurity } from '../objects/cip-security.ts'
import { ethernetIpSecurity } from '../objects/ethernet-ip-security.ts'
import { identity } from '../objects/identity.ts'
import { ingressEgress } from '../objects/ingress-egress.ts'
import { tcpIp } from '../objects/tcp-ip.ts'

/** An attribute of an object in a device. */
export interface AttributePlace {
  /** Class code. */
  readonly class: number
  /** Name of the class: `EtherNet/IP Security`. */
  readonly object: string
  readonly instance: number
  readonly attribute: number
  /** Name of the attribute, as Volume 1, 2 and 8 have it (via cip-security-wire 4). */
  readonly name: string
  /** Which entry, of an attribute that holds several: `tcp/44818`. */
  readonly part?: string | undefined
}

function placesIn({ id, name: object }: { readonly id: number; readonly name: string }) {
  return (attribute: number, name: string): AttributePlace => ({ class: id, object, instance: 1, attribute, name })
}

const inIdentity = placesIn(identity)
const inCipSecurity = placesIn(cipSecurity)
const inSecurity = placesIn(ethernetIpSecurity)
const inRules = placesIn(ingressEgress)
const inTcpIp = placesIn(tcpIp)

/** Attributes that are compared besides those of the policy. */
export const statePlaces = {
  revision: inIdentity(4, 'Revision'),
  cipSecurityState: inCipSecurity(1, 'State'),
  securityState: inSecurity(1, 'State'),
} as const

/** Where each setting that a deployment compares lies in a device; `state` is two attributes and is compared apart. */
export const settingPlaces: Readonly<Record<Exclude<PlannedChange['what'], 'state'>, AttributePlace>> = {
  allowedSuites: inSecurity(4, 'Allowed Cipher Suites'),
  psk: inSecurity(5, 'Pre-Shared Keys'),
  pskKey: inSecurity(5, 'Pre-Shared Keys'),
  certificate: inSecurity(6, 'Active Device Certificates'),
  authorities: inSecurity(7, 'Trusted Authorities'),
  authorityCertificates: inSecurity(7, 'Trusted Authorities'),
  revocationLists: inSecurity(8, 'Certificate Revocation List'),
  verifyClient: inSecurity(9, 'Verify Client Certificate'),
  sendChain: inSecurity(10, 'Send Certificate Chain'),
  checkExpiration: inSecurity(11, 'Check Expiration'),
  identities: inSecurity(12, 'Trusted Identities'),
  identityCertificates: inSecurity(12, 'Trusted Identities'),
  dtlsTimeout: inSecurity(15, 'DTLS Timeout'),
  checkName: inSecurity(17, 'Check Name'),
  originatorSuites: inSecurity(19, 'Allowed Cipher Suites as Originator'),
  ingress: inRules(1, 'Ingress Rules'),
  egress: inRules(2, 'Egress Rules'),
  port: inTcpIp(14, 'Port Admin State'),
}

/** An attribute as people find it in a manual: `EtherNet/IP Security (0x5E) instance 1 attribute 4, Allowed Cipher Suites`. */
export function spellPlace({ class: id, object, instance, attribute, name, part }: AttributePlace): string {
  const where = `${object} (0x${id.toString(16).toUpperCase().padStart(2, '0')}) instance ${instance} attribute ${attribute}`
  return `${where}, ${name}${part === undefined ? '' : ` ${part}`}`
}
