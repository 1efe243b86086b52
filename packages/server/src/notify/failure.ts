import { clean } from './message.ts'

/**
 * What went wrong, on one line. A peer may repeat what it was sent: secrets are taken out, whatever wrote the text.
 * @param secrets texts that must not appear, as they are sent
 */
export function failureText(error: unknown, secrets: readonly string[] = []): string {
  let text = error instanceof Error ? error.message : String(error)
  // An attempt at several addresses has its reasons in a list and no message.
  if (error instanceof AggregateError && text === '') {
    text = error.errors.map((each: unknown) => (each instanceof Error ? each.message : String(each))).join('; ')
  }
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '…')
  return clean(text, 300) || 'unknown failure'
}
