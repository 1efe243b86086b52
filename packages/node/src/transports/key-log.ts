import { appendFileSync } from 'node:fs'

/** Takes lines in the NSS key log format. They open every recorded byte of the association: for captures only. */
export type KeyLog = (line: string) => void

/** A key log that appends to a file (created with mode 0600), which Wireshark and tshark read as it grows. */
export function keyLogFile(path: string): KeyLog {
  // Handshakes are rare and a capture wants the line before the first record, so the write is synchronous.
  return (line) => appendFileSync(path, `${line}\n`, { mode: 0o600 })
}
