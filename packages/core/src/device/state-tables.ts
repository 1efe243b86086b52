import { certificateMachine } from './security/certificate-management.ts'
import { cipSecurityMachine } from './security/cip-security.ts'
import { ethernetIpSecurityMachine } from './security/ethernet-ip-security.ts'
import { fileMachine } from './security/files.ts'
import { printStateMachine } from './state-machine.ts'

/** The state machines of the security objects as Markdown, in the order of their class codes. */
export function printStateMachines(): string {
  return [
    printStateMachine(fileMachine),
    printStateMachine(cipSecurityMachine),
    printStateMachine(ethernetIpSecurityMachine),
    printStateMachine(certificateMachine),
  ].join('\n')
}
