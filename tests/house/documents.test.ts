import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repository } from './checkout.ts'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')

const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'docs/README.md']

describe('ARCHITECTURE.md', () => {
  const named = [...read('ARCHITECTURE.md').matchAll(/`([^`\s]+)`/g)]
    .map(([, name = '']) => name)
    .filter((name) => name.includes('/') || /\.(md|mjs|json)$/.test(name))

  test('names places', () => expect(named.length).toBeGreaterThan(20))

  test.each([...new Set(named)])('names %s, which exists', (name) => {
    expect(existsSync(join(repository, name))).toBe(true)
  })

  test('lists every workspace', () => {
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: readonly string[] }
    for (const workspace of workspaces) expect(named).toContain(workspace)
  })
})

describe('documents', () => {
  test.each(documents)('%s links only to files that exist', (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !target.startsWith('http'))
    const missing = links.filter((target) => !existsSync(join(repository, dirname(document), target)))
    expect(missing).toEqual([])
  })

  test('the licence is the whole of Apache-2.0', () => {
    const text = read('LICENSE')
    expect(text).toContain('Version 2.0, January 2004')
    expect(text).toContain('END OF TERMS AND CONDITIONS')
    expect(text.length).toBeGreaterThan(11_000)
  })

  test('docs/README.md leads to every page of the folder', () => {
    const pages = readdirSync(join(repository, 'docs')).filter(
      (name) => /\.(md|txt)$/.test(name) && name !== 'README.md',
    )
    expect(pages.filter((name) => !read('docs/README.md').includes(`(${name})`))).toEqual([])
  })

  test('every command of the README is one that run.mjs knows', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
    const named = [...read('README.md').matchAll(/npm (?:run )?(start|test|check|build|bench)\b/g)].map(
      ([, name = '']) => name,
    )
    expect(named.length).toBeGreaterThan(2)
    for (const name of named) expect(scripts[name]).toBe(`node run.mjs ${name}`)
  })
})

describe('dependencies', () => {
  interface Manifest {
    readonly dependencies?: Readonly<Record<string, string>>
    readonly optionalDependencies?: Readonly<Record<string, string>>
  }
  const decisions = readdirSync(join(repository, 'docs/decisions'))
  const pages = decisions.map((name) => read(`docs/decisions/${name}`)).join('\n')
  const names = readdirSync(join(repository, 'packages')).flatMap((folder) => {
    const manifest = JSON.parse(read(`packages/${folder}/package.json`)) as Manifest
    return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
  })

  test.each([...new Set(names)].filter((name) => !name.startsWith('@cordon/')))('%s has a decision page', (name) => {
    const [scope, rest = ''] = name.split('/')
    const family = `${scope}/${rest.replace(/-.*$/, '')}`
    const isNamed =
      pages.includes(`\`${name}\``) || pages.includes(`\`${family}-*\``) || pages.includes(`\`${scope}/*\``)
    expect(isNamed).toBe(true)
  })

  test.each(decisions)(
    'the page %s says what it does, who keeps it, what it costs, and what we would do without',
    (name) => {
      const page = read(`docs/decisions/${name}`)
      for (const heading of ['What it does for us', 'Who keeps it', 'What it costs', 'Without it']) {
        expect(page).toContain(`## ${heading}\n`)
      }
      expect(read('docs/README.md')).toContain(`(decisions/${name})`)
    },
  )
})

describe.each(['package-lock.json', 'tools/package-lock.json'])('%s', (lock) => {
  interface Locked {
    readonly resolved?: string
    readonly optionalDependencies?: Readonly<Record<string, string>>
  }
  const { packages } = JSON.parse(read(lock)) as { packages: Readonly<Record<string, Locked>> }

  test('holds no address to download from', () => {
    const addresses = Object.values(packages).filter(({ resolved }) => resolved?.includes('://'))
    expect(addresses).toEqual([])
    expect(read(lock)).not.toMatch(/"resolved": "https?:/)
  })

  test('holds the optional packages of every platform', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !isLocked(path, name)),
    )
    expect(missing).toEqual([])
  })

  /** Looks where Node would: beside the package, then upwards. */
  function isLocked(from: string, name: string): boolean {
    for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
      if (packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`] !== undefined) return true
      if (!at.includes('/node_modules/')) return packages[`node_modules/${name}`] !== undefined
    }
  }
})
