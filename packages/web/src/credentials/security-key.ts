import {
  browserSupportsWebAuthn,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser'
import { api, ask } from '../api.ts'
import type { Shapes } from '../api-types.ts'

/** Whether this browser can use security keys at this address: they need HTTPS. */
export function canUseKeys(): boolean {
  return browserSupportsWebAuthn()
}

/**
 * Proves the second factor with a security key.
 * @throws Error in words where the person or the browser gave up
 */
export async function proveWithKey(): Promise<Shapes['Session']> {
  const { options } = await ask('Asking for a challenge', api.POST('/api/v1/session/webauthn/options'))
  // The manager made these for this very call; the browser checks them.
  const response = await spoken(() =>
    startAuthentication({ optionsJSON: options as PublicKeyCredentialRequestOptionsJSON }),
  )
  return await ask('Signing in', api.POST('/api/v1/session/webauthn', { body: { response } }))
}

/** Adds a security key to one's account. Recovery codes are empty unless this is the first factor. */
export async function addKey(name: string): Promise<readonly string[]> {
  const { options } = await ask('Asking for a challenge', api.POST('/api/v1/account/webauthn/options'))
  // The manager made these for this very call; the browser checks them.
  const response = await spoken(() =>
    startRegistration({ optionsJSON: options as PublicKeyCredentialCreationOptionsJSON }),
  )
  const { codes } = await ask(
    'Adding the security key',
    api.POST('/api/v1/account/webauthn', { body: { name, response } }),
  )
  return codes
}

async function spoken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new Error(keyRefusal(cause), { cause })
  }
}

/** What went wrong with a key, in words with what to do. */
export function keyRefusal(cause: unknown): string {
  const name = cause instanceof Error ? cause.name : ''
  if (name === 'InvalidStateError') return 'This key is registered already. Use another one.'
  if (name === 'NotAllowedError')
    return 'No key answered in time, or it was cancelled. Try again and touch the key when it blinks.'
  if (name === 'SecurityError')
    return 'Security keys work only at the address the manager was set up with, over HTTPS. Open that address.'
  return 'The key could not be used. Try again, or use another factor.'
}
