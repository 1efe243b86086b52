/** A moment as people and programs both read it: ISO 8601 in UTC, to the second. */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
