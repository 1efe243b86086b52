import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { describeDevice } from '../../examples/originator/originator.ts'
import { startTarget } from '../../examples/target/target.ts'
import { testAddress } from './address.ts'

describe('the examples', () => {
  it('talk with each other', async () => {
    const address = testAddress(1)
    const host = await startTarget(address)
    const lines = await describeDevice(address)
    await host.close()
    expect(lines[0]).toBe(`${address}: Example Adapter, CIP Security factoryDefault`)
    expect(lines[1]).toMatch(/^TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, certificate SHA-256 [0-9a-f]{64}$/)
    expect(lines.slice(2)).toEqual([
      `serial number ${0x00c0ffee}`,
      'state factoryDefault',
      'suites 0xc02c 0xc02b 0xc024 0xc023 0xc006',
    ])
  })

  it('say so when nobody is there', async () => {
    expect(await describeDevice(testAddress(2))).toEqual([`${testAddress(2)} does not answer ListIdentity`])
  })

  it.each(['target/target.ts', 'originator/originator.ts'])('%s is short', (name) => {
    const lines = readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8')
      .trimEnd()
      .split('\n')
    expect(lines.length).toBeLessThan(40)
  })
})
