import { hexadecimal } from '../wire/text.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './judge.ts'

/** What must be there before a case can be asked: a way in, an object class, a state of the target, or our identity. */
export type Need =
  | 'session'
  | 'plain-session'
  | 'secure-session'
  | 'tcp'
  | 'udp'
  | 'tls'
  | 'dtls'
  | 'factory'
  | 'configured'
  | 'certificate'
  | 'io'
  | { readonly class: number }

/** Names of the classes that needs speak of. */
export const classNames: Readonly<Record<number, string>> = {
  1: 'Identity',
  4: 'Assembly',
  6: 'Connection Manager',
  55: 'File',
  93: 'CIP Security',
  94: 'EtherNet/IP Security',
  95: 'Certificate Management',
  99: 'Ingress Egress',
  244: 'Port',
  245: 'TCP/IP Interface',
  246: 'Ethernet Link',
}

/** Class code with its name. */
export function className(code: number): string {
  return `${classNames[code] ?? 'class'} (${hexadecimal(code, 2)})`
}

const openHow = 'say how to open it: --plant for a commissioned device, --pin or --plain for a factory-new one'

/** Why a case cannot be asked, or nothing. */
export function unmet(need: Need, facts: Facts): Finding | undefined {
  const notApplicable = (reason: string): Finding => ({ verdict: 'not applicable', reason })
  const notRun = (reason: string): Finding => ({ verdict: 'not run', reason })
  if (typeof need === 'object') {
    if (facts.session === undefined) return notRun(`no session with the target: ${facts.noSession}; ${openHow}`)
    return facts.classes.has(need.class) ? undefined : notApplicable(`the target has no ${className(need.class)}`)
  }
  switch (need) {
    case 'session':
      return facts.session === undefined
        ? notRun(`no session with the target: ${facts.noSession}; ${openHow}`)
        : undefined
    case 'plain-session':
      return facts.plainSession ? undefined : notApplicable('the target opens no session in plain on 44818/tcp')
    case 'secure-session':
      if (facts.session === 'tls') return undefined
      return facts.tls ? notRun('no session over TLS: give --plant or --pin') : notApplicable('the target has no TLS')
    case 'tcp':
      return facts.tcp ? undefined : notApplicable('44818/tcp is closed')
    case 'udp':
      return facts.udp ? undefined : notApplicable('44818/udp does not answer')
    case 'tls':
      return facts.tls ? undefined : notApplicable('2221/tcp does not answer a ClientHello')
    case 'dtls':
      return facts.dtls ? undefined : notApplicable('2221/udp does not answer a ClientHello')
    case 'factory':
      if (facts.session === undefined) return notRun(`no session with the target: ${facts.noSession}; ${openHow}`)
      if (facts.cipSecurityState === undefined) return notApplicable('the target has no CIP Security (0x5D)')
      return facts.cipSecurityState === 0 ? undefined : notApplicable('the target is not factory-new')
    case 'configured':
      if (facts.session === undefined) return notRun(`no session with the target: ${facts.noSession}; ${openHow}`)
      if (facts.cipSecurityState === undefined) return notApplicable('the target has no CIP Security (0x5D)')
      return facts.cipSecurityState === 2 ? undefined : notApplicable('the target is not configured')
    case 'certificate':
      return facts.own === 'certificate' ? undefined : notRun('needs the manager’s certificate: give --plant')
    case 'io':
      return facts.io === undefined
        ? notRun('needs a class 1 connection of the target: give --io OUTPUT:SIZE,INPUT:SIZE[,CONFIGURATION]')
        : undefined
  }
}
