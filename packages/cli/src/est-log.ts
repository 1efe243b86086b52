import type { EstHostStatus, HostLogEntry } from '@cordon/server/est'
import type { Output } from './output.ts'

/** A line of a running enrollment service, on standard error with its time. */
export function printHostLog(output: Output, { severity, message }: HostLogEntry): void {
  const time = new Date().toISOString().slice(11, 19)
  output.note(`${time} ${severity === 'info' ? '' : `${severity}: `}${message}`)
}

/** A label as people write it. */
export function labelText(label: string | undefined): string {
  return label === undefined || label === '' ? '(none)' : label
}

/** What of a host's status a program can use. */
export function statusDocument(status: EstHostStatus): object {
  return {
    ...status,
    labels: status.labels.map((label) => label ?? ''),
    waiting: Object.fromEntries(status.waiting),
  }
}
