/** Where to go after signing in: a path of this application, else the overview. */
export function whereTo(wanted: string | undefined): string {
  if (wanted === undefined || !/^\/(?![/\\])/.test(wanted)) return '/'
  return /^\/(sign-in|first-run|invitation)\b/.test(wanted) ? '/' : wanted
}
