/** Data that survives JSON, as a journal keeps it. Never secret: keys and PSKs are named here, not written. */
export type JournalValue =
  | string
  | number
  | boolean
  | null
  | readonly JournalValue[]
  | { readonly [key: string]: JournalValue | undefined }

/** What a journal entry says besides its step. */
export type JournalDetail = Readonly<Record<string, JournalValue | undefined>>

/** Where in a step an entry was made. */
export type JournalPhase = 'begin' | 'done' | 'undone' | 'failed'

/** The steps that are journaled, in the order in which a device goes through them. */
export const stepNames = [
  /** Read state, revisions and settings; the plan's fingerprint was compared. */
  'read',
  /** 0x5F Create and Create_CSR: a key pair that stays in the device. */
  'key',
  /** The authority issued the certificate. */
  'certificate',
  /** Begin_Config on 0x5D and 0x5E. */
  'begin-config',
  /** Certificates and revocation lists as files. */
  'files',
  /** Certificate and issuer tied to the key pair and verified by the device. */
  'install',
  /** Attributes of 0x5E. */
  'settings',
  /** Pending values read back. */
  'review',
  /** Apply_Config: from here on the device is new. */
  'apply',
  /** Opened with the new identity. */
  'identity',
  /** End_Config. */
  'end-config',
  /** All read back over the new identity. */
  'read-back',
  /** Old instances and files removed. */
  'clean-up',
  /** Rules of 0x63 that let old and new in. */
  'overlap-rules',
  /** Egress rules by which connections of an originator move. */
  'switch',
  /** Keys and identities of before, kept for the overlap, leave. */
  'settle',
  /** The final rules of 0x63. */
  'final-rules',
  /** Plain ports close. */
  'ports',
  /** The policy leaves the device. */
  'release',
  /** A revocation list arrives. */
  'revocation-list',
  /** Everything that was planned for this device was done and proven. */
  'complete',
] as const

/** The name of a journaled step. */
export type StepName = (typeof stepNames)[number]

/** One line of a journal. */
export interface JournalEntry {
  readonly device: string
  readonly step: StepName
  readonly phase: JournalPhase
  /** What resume and undo need: instances made, certificates by serial number, values of before. */
  readonly detail: JournalDetail
}

/**
 * The memory of a deployment, outlasting the process that runs it. Nothing that changes a device is sent before its
 * `begin` is on disk.
 */
export interface Journal {
  /**
   * Adds entries in their order. They are durable when the promise resolves.
   * @throws NotAllowed `refused` when another process took over this device: nothing was written, and nothing may be
   * sent to the device any more
   */
  record(entries: readonly JournalEntry[]): Promise<void>
  /** All entries of a device in this deployment, oldest first. */
  read(device: string): Promise<readonly JournalEntry[]>
}

/** A journal in memory: for tests and for plans that are tried out without a store. Keeps copies, as a store would. */
export function memoryJournal(): Journal & { readonly entries: readonly JournalEntry[] } {
  const entries: JournalEntry[] = []
  return {
    entries,
    record: (added) => {
      // A round trip through JSON, so that what cannot be stored fails here as it would in a store.
      for (const entry of added) entries.push(JSON.parse(JSON.stringify(entry)) as JournalEntry)
      return Promise.resolve()
    },
    read: (device) => Promise.resolve(entries.filter((entry) => entry.device === device)),
  }
}

/** The last entry of a step, or undefined. */
export function lastEntry(entries: readonly JournalEntry[], step: StepName): JournalEntry | undefined {
  return entries.findLast((entry) => entry.step === step)
}
