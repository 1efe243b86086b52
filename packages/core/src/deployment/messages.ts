/** How grave a message is. An error makes its device, and the deployment, not complete. */
export type Severity = 'information' | 'warning' | 'error'

/** A row of a table of messages. */
export interface MessageEntry {
  readonly severity: Severity
  /** What happened, one sentence without a full stop. */
  readonly title: string
  /** Why such a thing happens. */
  readonly cause: string
  /** What a person does now; `{subject}` stands for the device or connection. */
  readonly next: string
}

/**
 * Every message of a plan, a deployment, a release or a revocation. Codes are API: they change only with a major
 * version. `docs/messages.md` is printed from this table.
 */
export const messageTable = {
  'already-configured-elsewhere': {
    severity: 'error',
    title: 'the device is configured by somebody else',
    cause:
      'It has security settings, and no credential that Cordon holds opens it: another manager owns it, or this state directory is not the one that configured it.',
    next: 'Release {subject} with the manager that configured it, restore the backup of the authority that did, or reset the device at its hardware.',
  },
  'apply-refused': {
    severity: 'error',
    title: 'the device refused Apply_Config',
    cause:
      'The device checks the settings as a whole when they are applied and found them unusable. Its settings are as before.',
    next: 'Compare the suites and credentials that the plan names with what `cordon device show {subject}` lists as available, then apply again.',
  },
  'authority-refused': {
    severity: 'error',
    title: 'the authority issued no certificate',
    cause: 'The signing request was refused, or the authority could not record the certificate.',
    next: 'Read the evidence, mend what it names, and run `cordon apply --resume`.',
  },
  cancelled: {
    severity: 'warning',
    title: 'the deployment was cancelled',
    cause:
      'A person or a program asked to stop. The device was left in its old or its new configuration, never between.',
    next: 'Run `cordon apply --resume` to go on.',
  },
  'capability-none': {
    severity: 'information',
    title: 'the device cannot speak CIP Security and is left as it is',
    cause: 'The plant file says `capability: none`. Its traffic stays plain and is limited by its peers, by address.',
    next: 'Nothing; put a proxy in front of {subject} to protect its traffic.',
  },
  'capable-after-all': {
    severity: 'warning',
    title: 'the device can speak CIP Security, and the plant file says that it cannot',
    cause: 'Its ListIdentity reply has the security item 0x0086. It is left in plain, as the plant file says.',
    next: 'Take `capability: none` off {subject} in the plant file to secure it.',
  },
  'certificate-refused': {
    severity: 'error',
    title: 'the device did not verify its new certificate',
    cause:
      'Verify_Certificate failed: the certificate does not fit the key pair of the device, or does not chain to the authority that was sent along.',
    next: 'Run `cordon apply --resume`, which makes a new key pair. When it fails again, report the product and firmware revision of {subject}.',
  },
  'changed-since-plan': {
    severity: 'error',
    title: 'the device changed after the plan was made',
    cause: 'What the device answers now is not what the plan was made against: somebody configured it meanwhile.',
    next: 'Make a new plan, look at it, and apply that.',
  },
  'cleanup-incomplete': {
    severity: 'warning',
    title: 'old certificates or files could not all be removed',
    cause:
      'The device refused to delete an object that nothing refers to any more. It takes up space and has no other effect.',
    next: 'Nothing now; the next deployment tries again.',
  },
  'configuration-in-progress': {
    severity: 'error',
    title: 'the device is being configured by somebody else',
    cause:
      'Its objects say that a configuration is in progress, and it did not end within the time a configurator may be silent.',
    next: 'Close the other configuration tool, then apply again.',
  },
  'connection-lost': {
    severity: 'error',
    title: 'the connection to the device was lost',
    cause: 'The device was switched off, restarted or cut from the network, or it closed the connection.',
    next: 'See that {subject} is running and reachable, then run `cordon apply --resume`.',
  },
  'connection-moved': {
    severity: 'information',
    title: 'the connection moved to its new protection',
    cause: 'Its originator opened it again under the new policy.',
    next: 'Nothing.',
  },
  'connection-not-measured': {
    severity: 'warning',
    title: 'the move of the connection was not observed',
    cause:
      'Nothing reported on this connection: on a real plant only devices whose originator Cordon runs or reads report their moves.',
    next: 'Look at the connection with `cordon device connections`, or run `cordon verify`.',
  },
  'connection-not-moved': {
    severity: 'error',
    title: 'the connection did not move to its new protection',
    cause:
      'Its originator still runs it in plain, or could not open it again. Plain ports of its target therefore stay open.',
    next: 'Mend what the evidence names, look at {subject} with `cordon device connections`, then run `cordon apply --resume`.',
  },
  'credential-missing': {
    severity: 'error',
    title: 'the manager has no credential for the device',
    cause:
      'The credential with which the device is opened afterwards must be held before anything is applied, and it is not there.',
    next: 'Run `cordon ca show`; when the authority is new, `cordon ca init`, then apply again.',
  },
  'crl-not-pushed': {
    severity: 'error',
    title: 'the revocation list did not reach the device',
    cause: 'The device could not be opened or refused the list. What the list revokes it may still accept.',
    next: 'See that {subject} is reachable, then run the same `cordon ca revoke` or `cordon ca crl --push` again.',
  },
  'crl-one-only': {
    severity: 'warning',
    title: 'the device holds one revocation list only',
    cause:
      'Object revisions before 9 have a single list. The lists of several zones were put into one file, which not every device reads to its end.',
    next: 'Check with `cordon verify` that revoked certificates are refused, or update the firmware of {subject}.',
  },
  'crl-pushed': {
    severity: 'information',
    title: 'the device holds the new revocation list',
    cause: 'It trusts the authority that made the list.',
    next: 'Nothing.',
  },
  'csr-invalid': {
    severity: 'error',
    title: 'the signing request of the device is not valid',
    cause:
      'The device answered Create_CSR with a request that is malformed or that does not prove possession of its key.',
    next: 'Apply again. When it fails again, report the product and firmware revision of {subject}.',
  },
  'device-full': {
    severity: 'error',
    title: 'the device has no room for another certificate or file',
    cause: 'Its certificate store or file store is full.',
    next: 'Remove what nothing refers to by calling Object_Cleanup of class 0x5D with `cordon device call {subject}`, then apply again.',
  },
  'device-refused': {
    severity: 'error',
    title: 'the device refused a request',
    cause: 'It answered with an error status at a step that must succeed.',
    next: 'Read the status in the evidence; after mending its cause run `cordon apply --resume`.',
  },
  'device-replaced': {
    severity: 'error',
    title: 'another unit stands at the address',
    cause:
      'The serial number or the type differs from the unit that was commissioned, or that the plant file expects. Nothing was sent to it.',
    next: 'When the unit was exchanged on purpose, run `cordon release PLANT {subject} --forget`, correct `expect` in the plant file, and plan again.',
  },
  'end-config-outstanding': {
    severity: 'warning',
    title: 'the new settings are in force, but the configuration was not ended',
    cause: 'The connection was lost after Apply_Config and before End_Config.',
    next: 'Run `cordon apply --resume`; it opens the device with its new identity and ends the configuration.',
  },
  'fingerprint-mismatch': {
    severity: 'error',
    title: 'the default certificate has another fingerprint than expected',
    cause: 'The unit was exchanged, or something stands between Cordon and the device.',
    next: 'Compare the fingerprint in the evidence with the label or the web page of {subject} before anything else.',
  },
  'fingerprint-pinned': {
    severity: 'information',
    title: 'the default certificate is the one that was expected',
    cause: 'Its fingerprint matches the one given beforehand, or the one kept from an earlier contact.',
    next: 'Nothing.',
  },
  'interrupts-connections': {
    severity: 'warning',
    title: 'a step interrupts connections of the device',
    cause: 'Old and new settings cannot be in force at the same time for what the evidence names.',
    next: 'Choose a time at which {subject} may be interrupted.',
  },
  'left-as-before': {
    severity: 'information',
    title: 'the device was left with its old settings',
    cause: 'The deployment failed before anything was applied and was taken back.',
    next: 'Nothing; the message beside this one says what failed.',
  },
  'lock-out-prevented': {
    severity: 'error',
    title: 'the settings would have locked Cordon out of the device',
    cause: 'No credential that Cordon holds would open the device under these settings, so they were not applied.',
    next: 'See that the plant file names the device from which Cordon works as `manager` and lets it in.',
  },
  'not-capable': {
    severity: 'error',
    title: 'the device does not speak CIP Security',
    cause: 'It has no CIP Security object, or nothing listens on 2221/tcp, although the plant file expects it.',
    next: 'Write `capability: none` for {subject} and give it a conduit with `trusted-ip`, or update its firmware.',
  },
  'not-enforceable': {
    severity: 'warning',
    title: 'a promise of the policy cannot be enforced',
    cause: 'Neither end has a means to refuse this traffic.',
    next: 'Accept the risk, or put a firewall or a proxy in front of {subject}.',
  },
  'not-reachable-afterwards': {
    severity: 'error',
    title: 'the device could not be opened with its new identity',
    cause: 'The new settings were applied, and the connection that should prove them failed.',
    next: 'Run `cordon apply --resume`; the journal holds every credential that may open {subject}.',
  },
  'nothing-to-do': {
    severity: 'information',
    title: 'the device has its settings already',
    cause: 'Read back over a fresh connection, every setting is as wanted.',
    next: 'Nothing.',
  },
  'orphan-in-force': {
    severity: 'warning',
    title: 'a device that left the plant file is still under policy',
    cause: 'Removing a device from the plant file does not change the device.',
    next: 'Run `cordon release PLANT {subject}` to take the policy off it, or put it back into the plant file to keep it.',
  },
  'ports-left-open': {
    severity: 'warning',
    title: 'plain ports are still open',
    cause: 'Closing them was put off, or a connection still needs them.',
    next: 'Apply again without `--close-ports later` when all connections have moved.',
  },
  'protection-mode': {
    severity: 'error',
    title: 'the device is in protection mode and refuses configuration',
    cause: 'Identity attribute 19 is not zero: the device is running and protected against changes.',
    next: 'End the protection mode of {subject} (usually by stopping the machine), then apply again.',
  },
  'psk-interrupts': {
    severity: 'warning',
    title: 'changing the pre-shared key interrupts connections',
    cause:
      'The device holds only as many keys as are in use (0x5E class attribute 8), so old and new key cannot overlap.',
    next: 'Choose a time at which {subject} may be interrupted.',
  },
  'psk-missing': {
    severity: 'error',
    title: 'the pre-shared key is not stored',
    cause: 'The plant file names a key, and the store has none of that name.',
    next: 'Store it with `cordon psk add`, then plan again.',
  },
  'psk-needs-close-connections': {
    severity: 'error',
    title: 'the pre-shared key cannot change while connections run',
    cause:
      'The device holds only as many keys as are in use (0x5E class attribute 8), so old and new key cannot overlap.',
    next: 'Apply with `--close-connections` at a time at which {subject} may be interrupted.',
  },
  'psk-not-sent': {
    severity: 'error',
    title: 'no pre-shared key was sent, because the device is not proven',
    cause:
      'A key is sent only to a device whose default certificate was verified by a vendor anchor or matches a fingerprint given beforehand. Showing the fingerprint and asking is not enough for a secret.',
    next: 'Give the fingerprint from the label or the web page of {subject} with `--fingerprint {subject}=SHA256` or in the plant file, or trust its vendor with `--trust-vendor FILE`.',
  },
  'psk-over-integrity': {
    severity: 'error',
    title: 'a pre-shared key cannot be sent over a connection that does not encrypt',
    cause: 'The device and the manager agree only on integrity-only suites.',
    next: 'Allow an encrypting suite for the manager, then plan again.',
  },
  'pull-in-progress': {
    severity: 'error',
    title: 'the device is enrolling by itself',
    cause: 'The pull model is in progress; configuring meanwhile is refused.',
    next: 'Wait until the enrollment has ended, then apply again.',
  },
  'read-back-differs': {
    severity: 'error',
    title: 'the device does not hold what it was told',
    cause: 'A setting that was written and accepted reads back with another value.',
    next: 'Compare expected and found value in the evidence; report the product and firmware revision of {subject}.',
  },
  'release-not-proved': {
    severity: 'error',
    title: 'the release could not be proven',
    cause: 'After the reset the device does not show what a device without policy must show.',
    next: 'Read in the evidence what failed; the device stays on the orphan list until its release is proven.',
  },
  released: {
    severity: 'information',
    title: 'the device is free',
    cause:
      'It shows its default credentials, its plain ports are open, and the identity that Cordon gave it is no longer accepted.',
    next: 'Nothing.',
  },
  'revocation-not-proved': {
    severity: 'error',
    title: 'the refusal of the revoked certificate could not be proven',
    cause: 'A connection with the revoked certificate was not refused, or could not be tried.',
    next: 'See whether {subject} holds the new list with `cordon device show`, then run the same `cordon ca revoke` again.',
  },
  'revocation-proved': {
    severity: 'information',
    title: 'the device refuses the revoked certificate',
    cause: 'A fresh connection with it was refused by the device.',
    next: 'Nothing.',
  },
  'rules-without-manager': {
    severity: 'error',
    title: 'the rules would have locked Cordon out of the device',
    cause: 'The ingress rules of the plan do not let the address from which Cordon works onto 2221/tcp.',
    next: 'Name the device from which Cordon works as `manager` in the plant file, or work from that address.',
  },
  'self-signed-first-contact': {
    severity: 'warning',
    title: 'the default certificate is self-signed and proves nothing',
    cause:
      'The device shows a certificate that it made itself, so a device in between would look the same. It was accepted because a person said so.',
    next: 'Compare the fingerprint in the evidence with the label or the web page of {subject}.',
  },
  'self-signed-not-accepted': {
    severity: 'error',
    title: 'the default certificate proves nothing and was not accepted',
    cause: 'It is self-signed, or from a vendor that is not trusted here, and nobody said that it may be used.',
    next: 'Where a vendor signed it, give its authority with `--trust-vendor FILE`. Else compare the fingerprint in the evidence with the label or the web page of {subject} and give it with `--fingerprint {subject}=SHA256` or in the plant file, or apply with `--accept-self-signed {subject}`.',
  },
  'settings-not-possible': {
    severity: 'error',
    title: 'the device cannot hold its settings',
    cause:
      'What the device answers about itself (suites, key slots, file size, rule space) is not enough for what the plant file asks.',
    next: 'Change zone or conduit as the evidence says, or update the firmware of {subject}.',
  },
  'taken-over': {
    severity: 'warning',
    title: 'another process took over the device',
    cause:
      'This process did not renew its claim in time, so its work on the device was stopped before the next change.',
    next: 'Look at the progress of the other process with `cordon apply --resume`.',
  },
  'timed-out': {
    severity: 'error',
    title: 'the device did not answer in time',
    cause: 'It is overloaded, hangs, or the network loses packets.',
    next: 'See that {subject} is running, then run `cordon apply --resume`.',
  },
  undone: {
    severity: 'warning',
    title: 'the new settings were taken back',
    cause: 'They were applied, could not be proven, and the device was put back to its settings of before.',
    next: 'Nothing now; the message beside this one says what failed.',
  },
  unexpected: {
    severity: 'error',
    title: 'the deployment met an error of its own',
    cause:
      'This is a defect in Cordon, not in the device. What was begun on the device was taken back where that was possible.',
    next: 'Report the evidence; then run `cordon apply --resume`.',
  },
  unfinished: {
    severity: 'warning',
    title: 'an earlier deployment of the device was not finished',
    cause: 'Its journal ends in the middle: the process was stopped or the device was lost.',
    next: 'Run `cordon apply --resume`.',
  },
  'unknown-vendor': {
    severity: 'warning',
    title: 'the default certificate is from a vendor that is not trusted here',
    cause:
      'It chains to an authority that is not among the vendor anchors, so it proves no more than a self-signed one. It was accepted because a person said so.',
    next: 'Give the anchor of the vendor with `--trust-vendor FILE` after checking it with the vendor.',
  },
  unreachable: {
    severity: 'error',
    title: 'the device cannot be reached',
    cause: 'Nothing answers at its address, or the connection was refused.',
    next: 'See that {subject} is on and that its address is right, then plan again.',
  },
  'vendor-certificate-mismatch': {
    severity: 'error',
    title: 'the vendor certificate belongs to another device',
    cause: 'The certificate is genuine, but names another vendor or serial number than the device answers.',
    next: 'Something stands between Cordon and {subject}, or the device was tampered with: look at the device itself.',
  },
  'vendor-certificate-verified': {
    severity: 'information',
    title: 'the default certificate was verified by a vendor anchor',
    cause: 'It chains to a trusted vendor and names the unit that answers.',
    next: 'Nothing.',
  },
  'waiting-for-peers': {
    severity: 'error',
    title: 'the device must know certificates of peers that were not issued',
    cause: 'It trusts single certificates (0x5E attribute 12), and a peer of its conduits got none.',
    next: 'Mend what failed at the peers that the evidence names, then run `cordon apply --resume`.',
  },
  'window-closed': {
    severity: 'error',
    title: 'the maintenance window closed before the device was begun',
    cause: 'Devices that are begun are brought to their end; the others wait, as they are, for the next window.',
    next: 'Nothing: the job goes on when the window opens again. Cancel it to leave {subject} as it is.',
  },
  'wrong-answer': {
    severity: 'error',
    title: 'the device answered with bytes that make no sense',
    cause: 'A reply was malformed, or an answer to another question.',
    next: 'Apply again. When it fails again, report the product and firmware revision of {subject}.',
  },
  'wrong-device': {
    severity: 'error',
    title: 'the device is not the one that the plant file expects',
    cause: 'Vendor, type, product or serial number differ from `expect`. Nothing was sent to it.',
    next: 'Correct the address or `expect` of {subject} in the plant file, then plan again.',
  },
} as const satisfies Readonly<Record<string, MessageEntry>>

/** The code of a message; a switch over it is complete. */
export type MessageCode = keyof typeof messageTable

/** Something a person must know about a device, a connection or the whole plant. Never secret. */
export interface Message {
  readonly code: MessageCode
  readonly severity: Severity
  /** Device or connection it is about; the plant's name when it is about all. */
  readonly subject: string
  readonly text: string
  readonly cause: string
  /** What was seen: values, statuses, addresses. */
  readonly evidence: string
  /** What to do now. */
  readonly next: string
}

/** Every code, in the order of the table. */
// Object.keys widens the keys of the table to string.
export const messageCodes: readonly MessageCode[] = Object.keys(messageTable) as MessageCode[]

/** Makes a message about a subject from the table. The evidence is what was seen this time. */
export function message(code: MessageCode, subject: string, evidence: string): Message {
  const entry: MessageEntry = messageTable[code]
  return {
    code,
    severity: entry.severity,
    subject,
    text: `${subject}: ${entry.title}`,
    cause: entry.cause,
    evidence,
    next: entry.next.replaceAll('{subject}', subject),
  }
}

/** Messages of one part of Cordon, for the page that explains them all. */
export interface MessageSection {
  readonly title: string
  /** A paragraph before the messages. */
  readonly text: string
  readonly table: Readonly<Record<string, MessageEntry>>
}

/**
 * `docs/messages.md`: every message for people, one section per code; first those of this layer, then what higher layers
 * say.
 */
export function printMessages(more: readonly MessageSection[] = []): string {
  const own: MessageSection = {
    title: 'Plans, deployments, releases and revocations',
    text: 'Messages of `cordon plan`, `apply`, `release` and `ca revoke`. An error makes its device *not complete*, a warning *complete with warnings*.',
    table: messageTable,
  }
  const lines = [
    '# Messages',
    '',
    'Every message carries one of these codes, together with its subject (a device or a connection), the evidence of the',
    'case, and a next step. Codes do not change within a major version.',
    ...[own, ...more].flatMap(sectionLines),
  ]
  return `${lines.join('\n')}\n`
}

const headings = { error: 'Errors', warning: 'Warnings', information: 'Information' } as const

function sectionLines({ title, text, table }: MessageSection): readonly string[] {
  const lines = ['', `## ${title}`, '', text]
  for (const severity of ['error', 'warning', 'information'] as const) {
    const rows = Object.entries(table).filter(([, entry]) => entry.severity === severity)
    if (rows.length > 0) lines.push('', `### ${headings[severity]}`)
    for (const [code, entry] of rows) {
      lines.push('', `#### ${code}`, '', `${capital(entry.title)}.`, '', `Cause: ${entry.cause}`, '')
      lines.push(`Next step: ${entry.next.replaceAll('{subject}', 'DEVICE')}`)
    }
  }
  return lines
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
