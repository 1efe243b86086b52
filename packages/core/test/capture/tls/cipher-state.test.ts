import { nodeRecordCrypto } from '@cordon/node/capture'
import { describe, expect, test } from 'vitest'
import { CipherState, mostMisses } from '../../../src/capture/tls/cipher-state.ts'
import type { Handshake } from '../../../src/capture/tls/handshake-keys.ts'
import { CaptureSecrets } from '../../../src/capture/tls/secrets.ts'
import { suiteFacts } from '../../../src/capture/tls/suites.ts'

const suite = suiteFacts(0xc02b)
const keys = { mac: new Uint8Array(0), key: new Uint8Array(16), iv: new Uint8Array(4) }
// What a state asks of a handshake that is complete, and nothing else.
const handshake = {
  suite,
  modern: false,
  encryptThenMac: false,
  serverHello: { version: 0x0303, detail: { suite: { id: 0xc02b } } },
  master: () => ({ secret: new Uint8Array(48), by: 'key log' }),
  keys: () => ({ client: keys, server: keys }),
} as unknown as Handshake

describe('the records of one side', () => {
  test('cost a limited number of vain decryptions, also where some of them fit', () => {
    let tried = 0
    let vain = 0
    const lost = 255
    const secrets = new CaptureSecrets({
      ...nodeRecordCrypto,
      // Every record fits under the last number that can be.
      openAead: () => {
        if (tried++ % (lost + 1) === lost) return new Uint8Array(1)
        vain++
        return undefined
      },
    })
    const state = new CipherState(handshake, 'client', secrets)
    const results = Array.from({ length: 200 }, () => {
      state.lost(0, lost)
      return state.open({ type: 23, version: 0x0303, fragment: new Uint8Array(40) }).opened
    })
    expect(results.slice(0, Math.floor(mostMisses / lost)).every((opened) => opened)).toBe(true)
    expect(results.at(-1)).toBe(false)
    expect(vain).toBe(mostMisses)
  })
})
