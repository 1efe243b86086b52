import type { EstServer } from '@cordon/core/enrollment'
import type { EstSearchOptions } from '@cordon/node/est'
import { describe, expect, it } from 'vitest'
import { EstSearch, interfacesOf } from '../src/est-search.ts'

const server: EstServer = { host: 'est.example', port: 8444 }

const searchOf = (answer: (options: EstSearchOptions) => Promise<readonly EstServer[]>) =>
  new EstSearch({
    discovery: { interfaces: undefined, type: '_est2._tcp', subtype: '_cell' },
    addresses: ['127.64.0.1'],
    problem: () => {},
    search: answer,
  })

describe('The search of a plant', () => {
  it('is one for all units that look together', async () => {
    const asked: EstSearchOptions[] = []
    const search = searchOf(async (options) => {
      asked.push(options)
      return [server]
    })
    const found = await Promise.all(Array.from({ length: 1000 }, () => search.look(new AbortController().signal)))
    expect(new Set(found)).toEqual(new Set([[server]]))
    expect(asked.map(({ type, subtype }) => [type, subtype])).toEqual([['_est2._tcp', '_cell']])
    await search.close()
  })

  it('goes on for the others when one unit is switched off', async () => {
    let answer = (_: readonly EstServer[]): void => {}
    const search = searchOf(() => new Promise((resolve) => (answer = resolve)))
    const off = new AbortController()
    const first = search.look(off.signal)
    const second = search.look(new AbortController().signal)
    off.abort()
    await expect(first).rejects.toMatchObject({ code: 'aborted' })
    answer([server])
    expect(await second).toEqual([server])
  })

  it('looks on the interfaces of the units', () => {
    const source = () => ({
      lo: [{ family: 'IPv4' as const, address: '127.0.0.1', netmask: '255.0.0.0', internal: true, mac: '', cidr: '' }],
      eth0: [
        { family: 'IPv4' as const, address: '10.0.0.7', netmask: '255.255.0.0', internal: false, mac: '', cidr: '' },
      ],
    })
    expect(interfacesOf(['127.64.0.1'], source)).toEqual(['lo'])
    expect(interfacesOf(['10.0.3.4', '127.64.0.1'], source)).toEqual(['lo', 'eth0'])
    expect(interfacesOf(['192.0.2.1', 'Behind_A_Module'], source)).toEqual([])
  })
})
