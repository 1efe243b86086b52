import type { MessageEntry, Severity } from '@cordon/core/deployment'
import type { RungId } from './rungs.ts'

interface DoctorEntry extends MessageEntry {
  readonly rung: RungId
}

/**
 * Everything that the ladder can say about a rung that is broken, could not be tried, or holds with a remark. An error
 * breaks its rung. Codes are API: they change only with a major version. `docs/messages.md` is printed from this table.
 */
export const doctorTable = {
  'address-not-unicast': {
    rung: 'route',
    severity: 'error',
    title: 'the address is not that of one device',
    cause: 'Broadcast, multicast and unspecified addresses name many or none.',
    next: 'Give the address of one device; `cordon discover` lists those that answer.',
  },
  'certificate-of-another': {
    rung: 'certificate',
    severity: 'error',
    title: 'it shows the certificate of another device',
    cause:
      'The certificate is from an authority of this plant, and was issued to somebody else: the unit was moved, or its address was.',
    next: 'Compare addresses in the plant file with the units, then run `cordon apply PLANT --only {subject}`.',
  },
  'certificate-other-name': {
    rung: 'certificate',
    severity: 'error',
    title: 'the certificate does not name the address of the device',
    cause:
      'The address was changed after the certificate was issued. Peers that check names (0x5E attribute 17) refuse it.',
    next: 'Run `cordon ca renew {subject} --plant PLANT`.',
  },
  'certificate-superseded': {
    rung: 'certificate',
    severity: 'warning',
    title: 'it shows an older certificate than the last one that was issued to it',
    cause: 'A renewal was not finished: the new certificate was issued, and the device goes on with the old one.',
    next: 'Run `cordon apply PLANT --resume`.',
  },
  'clock-skew': {
    rung: 'clock',
    severity: 'warning',
    title: 'its clock and ours differ',
    cause: 'One of the two is not set by a time server.',
    next: 'Set the clocks of {subject} and of this machine by the same time server.',
  },
  'clock-outside-certificate': {
    rung: 'clock',
    severity: 'error',
    title: 'by its clock, certificates are outside their time',
    cause: 'It checks dates (0x5E attribute 11), and its clock lies before or behind the time of a certificate.',
    next: 'Set the clock of {subject}.',
  },
  'configuration-open': {
    rung: 'objects',
    severity: 'error',
    title: 'a configuration session is open on the device',
    cause: 'Somebody configures it now, or began to and went away; the device tells neither who nor since when.',
    next: 'Close the other configuration tool. When nobody works there, restart {subject}: what was not applied is then dropped; then run `cordon apply PLANT --resume`.',
  },
  'configuration-unfinished': {
    rung: 'objects',
    severity: 'error',
    title: 'it holds a new configuration that was not ended',
    cause: 'The connection was lost after Apply_Config and before End_Config.',
    next: 'Run `cordon apply PLANT --resume`.',
  },
  'device-certificate-expired': {
    rung: 'certificate',
    severity: 'error',
    title: 'a certificate that it shows has expired',
    cause: 'It was not renewed in time. Peers that check dates refuse it, the others do not.',
    next: 'Run `cordon ca renew {subject} --plant PLANT`.',
  },
  'device-certificate-early': {
    rung: 'clock',
    severity: 'error',
    title: 'a certificate that it shows is not valid yet by our clock',
    cause: 'The clock of this machine is behind, or that of the authority was ahead when it issued the certificate.',
    next: 'Compare the clock of this machine with a time server: `timedatectl`.',
  },
  'device-certificate-revoked': {
    rung: 'certificate',
    severity: 'error',
    title: 'its certificate is revoked',
    cause: 'The revocation list of the authority names it. Peers that hold the list refuse the device.',
    next: 'When it was revoked by mistake, give {subject} a new one: `cordon ca renew {subject} --plant PLANT`; else take it off the network.',
  },
  'device-certificate-wrong-use': {
    rung: 'certificate',
    severity: 'error',
    title: 'its certificate does not check out',
    cause: 'Key usage, path or a signature in its chain is not as it must be for a server.',
    next: 'Look at it with `cordon scan {subject} --plant PLANT`, then give it a new one: `cordon ca renew {subject} --plant PLANT`.',
  },
  'dtls-closed': {
    rung: 'tls',
    severity: 'information',
    title: 'DTLS does not answer',
    cause: 'UDP port 2221 is closed or silent: no secured I/O over this device, or its rules let this address not in.',
    next: 'Ask from the address that is to have I/O: `cordon scan {subject} --transport dtls --from ADDRESS`.',
  },
  'host-silent': {
    rung: 'ports',
    severity: 'error',
    title: 'every port is silent',
    cause:
      'Nobody has the address, the device is off, or a firewall on the way drops packets. A closed port would be refused.',
    next: 'Look at power, cable and switch port of {subject}; on the way look for a firewall with `traceroute -T -p 44818 {subject}`.',
  },
  'identity-needed': {
    rung: 'session',
    severity: 'warning',
    title: 'it asks for a certificate, and none is at hand',
    cause: 'The device is commissioned and lets in only who shows a certificate that it trusts.',
    next: 'Open it as the manager of its plant: `cordon doctor {subject} --plant PLANT`.',
  },
  'listener-not-enip': {
    rung: 'identity',
    severity: 'error',
    title: 'what listens on 44818 does not speak EtherNet/IP',
    cause: 'Something else has the port: another service, a proxy, or a device that hangs.',
    next: 'Find out what stands at {subject}: `nmap -sV -p 44818 {subject}`.',
  },
  'listener-not-tls': {
    rung: 'tls',
    severity: 'error',
    title: 'what listens on 2221 does not speak TLS',
    cause: 'Something else has the port, or what stands between drops what it does not know.',
    next: 'Find out what stands at {subject}: `nmap -sV -p 2221 {subject}`.',
  },
  'local-address-missing': {
    rung: 'route',
    severity: 'error',
    title: 'this machine does not have the address to connect from',
    cause: 'The address of `--from`, or of the manager in the plant file, is on no interface of this machine.',
    next: 'Run this on the manager’s machine, or add the address: `ip addr add ADDRESS dev INTERFACE`.',
  },
  'no-clock': {
    rung: 'clock',
    severity: 'information',
    title: 'it tells no time',
    cause: 'It has no Time Sync object, as many devices: dates are then checked by nobody but the manager.',
    next: 'Watch `cordon ca expiring`, which says what must be renewed.',
  },
  'no-clock-but-checks': {
    rung: 'clock',
    severity: 'warning',
    title: 'it checks dates and tells no time',
    cause: '0x5E attribute 11 is set, and there is no Time Sync object to see by which clock it checks.',
    next: 'Look at the clock of {subject} on its web page, or leave `checkExpiration` off.',
  },
  'no-route': {
    rung: 'route',
    severity: 'error',
    title: 'there is no way to the address',
    cause: 'This machine has no route to that network, or a router said that nobody has the address.',
    next: 'Look at the way that the kernel would take: `ip route get {subject}`.',
  },
  'no-suite-in-common': {
    rung: 'tls',
    severity: 'error',
    title: 'no suite in common',
    cause:
      'Firmware generations differ in what they offer (CBC only, or GCM only), or the device lets this address use none.',
    next: 'See what it offers: `cordon scan {subject}`; then update its firmware or change the suites of its zone.',
  },
  'no-version-in-common': {
    rung: 'tls',
    severity: 'error',
    title: 'no version in common',
    cause: 'It does not speak TLS 1.2, which CIP Security asks for.',
    next: 'Update the firmware of {subject}.',
  },
  'not-as-manager': {
    rung: 'route',
    severity: 'warning',
    title: 'we do not come from the address of the manager',
    cause: 'The rules of a commissioned device let the manager in from its own address alone.',
    next: 'Run this on the manager’s machine, or with `--from` and the address in the evidence.',
  },
  'not-capable': {
    rung: 'objects',
    severity: 'error',
    title: 'it has no CIP Security objects, and the plant file expects them',
    cause: 'Product or firmware do not know CIP Security.',
    next: 'Write `capability: none` for {subject} and give it a conduit with `trusted-ip`, or update its firmware.',
  },
  'not-commissioned': {
    rung: 'objects',
    severity: 'error',
    title: 'it is as it left the factory, and the plant file has settings for it',
    cause: 'It was never commissioned, or was reset or replaced since.',
    next: 'Run `cordon apply PLANT --only {subject}`.',
  },
  'nothing-listens': {
    rung: 'ports',
    severity: 'error',
    title: 'somebody is there, and no EtherNet/IP port is open',
    cause: 'Another machine has the address, or the device is starting, or its ports were closed by hand.',
    next: 'See who has the address: `ip neigh show {subject}`, and whether the device has started.',
  },
  'objects-unreadable': {
    rung: 'objects',
    severity: 'error',
    title: 'the security objects cannot be read',
    cause: 'The device answered with an error status or with bytes that make no sense.',
    next: 'Read the status in the evidence; restart {subject}, and report product and firmware revision when it stays.',
  },
  'other-authority': {
    rung: 'certificate',
    severity: 'error',
    title: 'its certificate is from no authority of this plant',
    cause:
      'The device belongs to another plant, or was commissioned by another manager or from another state directory.',
    next: 'Release {subject} with the manager that configured it, or restore the backup of the authority that did: `cordon ca restore FILE`.',
  },
  'our-certificate-expired': {
    rung: 'session',
    severity: 'error',
    title: 'it takes our certificate for expired',
    cause: 'The certificate of the manager is over, or the clock of the device is wrong.',
    next: 'Compare `cordon ca show` with the clock of {subject}.',
  },
  'our-certificate-refused': {
    rung: 'session',
    severity: 'error',
    title: 'it does not take our certificate',
    cause:
      'It trusts other authorities than that of our manager, although it was issued its certificate by this plant.',
    next: 'Run `cordon apply PLANT --resume`: the journal holds every credential that may open {subject}.',
  },
  'our-certificate-revoked': {
    rung: 'session',
    severity: 'error',
    title: 'it takes our certificate for revoked',
    cause: 'A revocation list that it holds names the certificate of the manager.',
    next: 'Look at the list with `cordon ca crl`; when the manager was revoked, its next command gets a new certificate.',
  },
  'plain-only': {
    rung: 'tls',
    severity: 'information',
    title: 'it offers plain EtherNet/IP alone',
    cause: 'Nothing listens on 2221: the device does not know CIP Security, or has it switched off.',
    next: 'Protect its traffic with a proxy, or see in its manual whether its firmware knows CIP Security.',
  },
  'policy-differs': {
    rung: 'policy',
    severity: 'error',
    title: 'it holds other settings than the plant file says',
    cause: 'The plant file was changed and not applied, or somebody changed the device.',
    next: 'Look at `cordon plan PLANT --only {subject}`, then `cordon apply PLANT --only {subject}`.',
  },
  'policy-not-read': {
    rung: 'policy',
    severity: 'warning',
    title: 'its settings could not all be read',
    cause: 'The device refused a part of its settings, or the connection was lost.',
    next: 'Run `cordon doctor {subject} --plant PLANT` again.',
  },
  'pull-in-progress': {
    rung: 'objects',
    severity: 'warning',
    title: 'it is enrolling by itself',
    cause: 'The pull model is in progress: it looks for a server, or waits for an approval.',
    next: 'Look at `cordon enrollment list`.',
  },
  'secure-port-closed': {
    rung: 'ports',
    severity: 'error',
    title: 'port 2221/tcp is closed, and the plant file expects CIP Security',
    cause:
      'Product or firmware do not know CIP Security, it is switched off, or the rules of the device keep this address out.',
    next: 'Write `capability: none` for {subject} in the plant file, or switch CIP Security on there.',
  },
  'self-signed-default': {
    rung: 'certificate',
    severity: 'information',
    title: 'it shows the certificate of the factory',
    cause: 'New devices show one that they or their vendor made. It proves nothing before its fingerprint is compared.',
    next: 'Compare the fingerprint in the evidence with the label of {subject}, then commission it with `cordon apply`.',
  },
  'session-closed': {
    rung: 'session',
    severity: 'error',
    title: 'it ends the connection without a word',
    cause: 'Its ingress rules (0x63) do not let this address in, or it has as many connections open as it can.',
    next: 'Ask from the address that its rules let in: `cordon doctor {subject} --plant PLANT --from ADDRESS`.',
  },
  'session-refused': {
    rung: 'session',
    severity: 'error',
    title: 'the session is refused',
    cause:
      'The handshake or RegisterSession was answered with an alert or an error status, which the evidence explains.',
    next: 'Look at what it offers with `cordon scan {subject}`, and at its state with its web page.',
  },
  'session-silent': {
    rung: 'session',
    severity: 'error',
    title: 'it does not answer RegisterSession',
    cause: 'It accepts connections and hangs, or something else listens there.',
    next: 'Restart {subject} when that is safe; when it stays, report product and firmware revision.',
  },
  'tls-refused': {
    rung: 'tls',
    severity: 'error',
    title: 'it refuses every handshake',
    cause:
      'The alert in the evidence says why; a connection that is closed without one is mostly a rule against this address.',
    next: 'Ask from the address that its rules let in: `cordon doctor {subject} --from ADDRESS`.',
  },
  'tls-silent': {
    rung: 'tls',
    severity: 'error',
    title: 'port 2221/tcp is open, and no handshake is answered',
    cause: 'The device hangs, or something on the way swallows what it does not know.',
    next: 'Restart {subject} when that is safe; look for a firewall that inspects TLS on the way.',
  },
  'wrong-unit': {
    rung: 'identity',
    severity: 'error',
    title: 'another unit answers than the plant file expects',
    cause: 'The unit was exchanged, or the address belongs to another one.',
    next: 'When it was exchanged on purpose: `cordon release PLANT {subject} --forget`, correct `expect`, then `cordon apply PLANT --only {subject}`.',
  },
} as const satisfies Readonly<Record<string, DoctorEntry>>

/** The code of a message of the ladder. */
export type DoctorCode = keyof typeof doctorTable

/** Every code, in the order of the table. */
// Object.keys widens the keys of the table to string.
export const doctorCodes: readonly DoctorCode[] = Object.keys(doctorTable) as DoctorCode[]

/** Something that the ladder found: cause, what was seen, and what to do now. */
export interface Finding {
  readonly code: DoctorCode
  readonly severity: Severity
  readonly text: string
  readonly cause: string
  readonly evidence: string
  /** A step to take, mostly a command to type. */
  readonly next: string
}

/** Makes a finding from the table; `subject` is the device in the words of the command line. */
export function finding(code: DoctorCode, subject: string, evidence: string): Finding {
  const { severity, title, cause, next }: DoctorEntry = doctorTable[code]
  return { code, severity, text: title, cause, evidence, next: next.replaceAll('{subject}', subject) }
}
