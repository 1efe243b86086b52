import type { Authority } from '@cordon/core/authority'
import type { Capabilities, Plant } from '@cordon/core/policy'
import type { LiveConnection, VerificationResult } from '@cordon/core/verification'
import { prepareVerification, runVerifier, type VerificationEvent } from '@cordon/node/verify'
import type { Store } from '../store/store.ts'
import { managerCredential, managerOf } from './manager-credential.ts'
import { listPsks, storedSecrets } from './pre-shared-keys.ts'

/** A credential that the verifier tries at the doors: it must not be let in. */
export interface TriedCredential {
  /** DER, end entity first. */
  readonly chain: readonly Uint8Array[]
  /** PKCS#8. A secret. */
  readonly key: Uint8Array
}

/** What a verification needs besides its plant. */
export interface VerifyRequest {
  readonly plant: Plant
  readonly store: Store
  readonly authority: Pick<Authority, 'issueClient' | 'anchors' | 'list' | 'crls'>
  /** What devices can do, where it is known. */
  readonly capabilities?: Capabilities
  /** The live table of connections, where somebody reports it. */
  readonly live?: readonly LiveConnection[]
  /** A certificate of the devices' maker, to be tried at the doors. */
  readonly vendor?: TriedCredential
  /** A credential of a zone that was revoked, to be tried there too. */
  readonly revoked?: TriedCredential & { readonly zone: string }
  /** Only these devices. */
  readonly only?: readonly string[]
  readonly verifierAddress?: string
}

/** How a verification is watched and stopped. */
export interface VerifyWatch {
  readonly signal?: AbortSignal
  /** Hears each check and each reading as it is done. */
  readonly onEvent?: (event: VerificationEvent) => void
}

/**
 * Verifies a plant from outside: in a process of its own with an identity of its own, which gets what it needs through a
 * pipe. Errors as those of `runVerifier` and of the store.
 */
export async function verifyDeployed(request: VerifyRequest, watch: VerifyWatch = {}): Promise<VerificationResult> {
  const { plant, store, authority, capabilities, ...further } = request
  const credential = await managerCredential(store, authority, managerOf(plant))
  const key = credential.key.export()
  const prepared = await prepareVerification({
    plant,
    authority,
    ...(key === undefined ? {} : { manager: { chain: credential.chain, key } }),
    psk: async (name) => {
      const known = (await listPsks(store)).find((psk) => psk.name === name)
      const secret = await storedSecrets(store).psk(name)
      if (known === undefined || secret === undefined) return undefined
      return { identity: new TextEncoder().encode(known.identity), key: secret }
    },
    ...(capabilities === undefined || capabilities.size === 0 ? {} : { capabilities }),
    ...further,
  })
  return await runVerifier(prepared, watch)
}
