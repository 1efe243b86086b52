import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { runCaptured } from './child.mjs'
import { listEntryPoints, listExports } from './api-surface.mjs'
import { checkClient } from './client.mjs'
import { checkPackages } from './packaging.mjs'
import { root } from './set-up.mjs'
import { toolPath } from './tool-path.mjs'

const require = createRequire(import.meta.url)

/** The oldest Node that everything we install must accept. */
const leastNode = '20.19.0'

/** What `npm run check` does, in this order. A step says whether all is well, and if not, what is wrong. */
export const steps = [
  {
    name: 'format',
    what: 'Biome: layout of the sources',
    run: checkFormat,
  },
  {
    name: 'lint',
    what: 'Biome: what needs no types',
    run: () => tool('@biomejs/biome', 'biome', ['lint', '--error-on-warnings', '--colors=off', '.']),
  },
  {
    name: 'typed-lint',
    what: 'ESLint: promises, exhaustive switches, thrown values; no clock or randomness in core',
    run: () => tool('eslint', 'eslint', ['--max-warnings=0', '.']),
  },
  {
    name: 'types',
    what: 'TypeScript: the packages, the web interface, then tests, examples and benchmarks',
    run: checkTypes,
  },
  { name: 'layers', what: 'dependency-cruiser: who may import whom, no cycles', run: checkLayers },
  {
    name: 'dead-code',
    what: 'knip: exports, files and dependencies that nobody uses or nobody declared',
    run: () => tool('knip', 'knip', ['--no-progress', '--no-config-hints']),
  },
  { name: 'engines', what: `every package in both lock files accepts Node ${leastNode}`, run: checkEngines },
  { name: 'openssl', what: "this Node's OpenSSL is not below the minimum in SECURITY.md", run: checkOpenssl },
  {
    name: 'surface',
    what: 'exported names of the public entry points against docs/api-surface.txt',
    run: checkSurface,
  },
  {
    name: 'client',
    what: "types of the manager's API against its contract",
    run: checkClient,
  },
  {
    name: 'reference',
    what: 'TypeDoc: API reference into docs/api, no warnings',
    run: () => tool('typedoc', 'typedoc', ['--options', 'typedoc.json']),
  },
  {
    name: 'packaging',
    what: 'publint, attw and the contents of each package as npm would publish it',
    run: checkPackages,
  },
]

/** Runs a command of a package in tools/, from the root of the checkout. */
async function tool(packageName, command, args, env = {}) {
  const { code, output } = await runCaptured(process.execPath, [toolPath(packageName, command), ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
  })
  return { ok: code === 0, output }
}

async function checkFormat() {
  const { ok, output } = await tool('@biomejs/biome', 'biome', [
    'format',
    '--colors=off',
    '--max-diagnostics=none',
    '.',
  ])
  if (ok) return { ok }
  const files = output.match(/^\S+(?= format )/gm)
  return {
    ok,
    output:
      files === null ? output : `${files.join('\n')}\nTo lay them out: tools/node_modules/.bin/biome format --write .`,
  }
}

/**
 * Compiles, as the set-up does, then type-checks the web interface (Vite compiles it), tests, examples and benchmarks. The third run looks into the libraries'
 * own declarations, which shows that those of `core` need no platform; it costs half a minute, so the set-up leaves it out.
 */
async function checkTypes() {
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const libraries = ['-p', 'packages/core', '--noEmit', '--composite', 'false', '--skipLibCheck', 'false']
  for (const args of [['-b'], ['-p', 'packages/web'], ['-p', 'tsconfig.test.json'], libraries]) {
    const { code, output } = await runCaptured(process.execPath, [compiler, ...args, '--pretty', 'false'], {
      cwd: root,
    })
    if (code !== 0) return { ok: false, output }
  }
  return { ok: true }
}

function checkLayers() {
  const places = ['packages', 'tests', 'examples', 'bench'].filter((name) => existsSync(join(root, name)))
  return tool('dependency-cruiser', 'depcruise', [
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'err-long',
    ...places,
  ])
}

function checkEngines() {
  const { satisfies } = require('semver')
  const refusing = []
  for (const lock of ['package-lock.json', 'tools/package-lock.json']) {
    const { packages } = JSON.parse(readFileSync(join(root, lock), 'utf8'))
    for (const [path, { version, engines }] of Object.entries(packages)) {
      const range = engines?.node
      if (range !== undefined && !satisfies(leastNode, range))
        refusing.push(`${lock}: ${path} ${version} wants Node ${range}`)
    }
  }
  return Promise.resolve({
    ok: refusing.length === 0,
    output: `These do not run on Node ${leastNode}; choose an older version or an override:\n${refusing.join('\n')}`,
  })
}

async function checkOpenssl() {
  const { minimumOpenssl, isBelow } = await import('./openssl.mjs')
  const running = process.versions.openssl
  const minimum = minimumOpenssl(readFileSync(join(root, 'SECURITY.md'), 'utf8'))
  return {
    ok: !isBelow(running, minimum),
    note: `OpenSSL ${running}`,
    output: `Node ${process.version} carries OpenSSL ${running}; SECURITY.md asks for ${minimum.join(' or ')} or newer. Update Node.`,
  }
}

async function checkSurface({ update }) {
  const pinned = join(root, 'docs/api-surface.txt')
  const text = listExports(listEntryPoints(root))
  if (update) {
    writeFileSync(pinned, text)
    return { ok: true, note: 'docs/api-surface.txt rewritten' }
  }
  const expected = existsSync(pinned) ? readFileSync(pinned, 'utf8') : ''
  if (text === expected) return { ok: true }
  return {
    ok: false,
    output: `${difference(expected, text)}\nIf this change is meant, run: npm run check -- --only surface --update`,
  }
}

/** Lines that came and went: the surface is a sorted list, so no more is needed. */
function difference(before, after) {
  const old = new Set(before.split('\n'))
  const now = new Set(after.split('\n'))
  const gone = [...old].filter((line) => !now.has(line)).map((line) => `- ${line}`)
  const come = [...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`)
  return [...gone, ...come].join('\n')
}
