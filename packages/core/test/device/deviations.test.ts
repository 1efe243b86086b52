import { readdirSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../../../', import.meta.url)

function sources(folder: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
}

describe('docs/deviations.md', () => {
  const page = readFileSync(new URL('docs/deviations.md', root), 'utf8')

  it('lists every file of the objects and the device that deviates', () => {
    const deviating = [...sources('packages/core/src/objects'), ...sources('packages/core/src/device')].filter((name) =>
      readFileSync(new URL(name, root), 'utf8').includes('Deviation:'),
    )
    expect(deviating.length).toBeGreaterThan(5)
    expect(deviating.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('names only files that exist', () => {
    const named = [...page.matchAll(/`(packages\/[^`]+)`/g)].map((match) => match[1] ?? '')
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter((name) => !statSync(new URL(name, root), { throwIfNoEntry: false })?.isFile())).toEqual([])
  })
})
