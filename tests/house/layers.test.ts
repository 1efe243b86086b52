import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repository } from './checkout.ts'

const cruiser = join(repository, 'tools/node_modules/dependency-cruiser/bin/dependency-cruise.mjs')

/** What a plant in the tree says, and the rule that must catch it; no rule for what is allowed. */
const plants: readonly { what: string; file: string; text: string; rule?: string }[] = [
  {
    what: 'wire importing the higher layer cip',
    file: 'packages/core/src/wire/up.ts',
    text: "import '../cip/object.ts'",
    rule: 'layer-core-wire',
  },
  {
    what: 'cip importing its neighbour enip',
    file: 'packages/core/src/cip/across.ts',
    text: "import '../enip/header.ts'",
    rule: 'layer-core-cip',
  },
  {
    what: 'a type import across layers',
    file: 'packages/core/src/x509/type.ts',
    text: "import type { policy } from '../policy/model.ts'\nexport type P = typeof policy",
    rule: 'layer-core-x509',
  },
  {
    what: 'a folder of core without a layer',
    file: 'packages/core/src/helpers/first.ts',
    text: "import '../helpers/second.ts'",
    rule: 'layer-missing-core',
  },
  {
    what: 'core importing a module of the platform',
    file: 'packages/core/src/wire/platform.ts',
    text: "import 'node:fs'",
    rule: 'core-without-platform',
  },
  {
    what: 'core importing a package that is not pure',
    file: 'packages/core/src/policy/database.ts',
    text: "import 'kysely'",
    rule: 'core-pure-packages',
  },
  {
    what: 'core importing node',
    file: 'packages/core/src/client/down.ts',
    text: "import '@cordon/node/files'",
    rule: 'package-direction-core',
  },
  {
    what: 'tls importing core',
    file: 'packages/tls/lib/errors.ts',
    text: "import '@cordon/core/errors'",
    rule: 'package-direction-tls',
  },
  {
    what: 'tls importing a package',
    file: 'packages/tls/lib/package.ts',
    text: "import 'yaml'",
    rule: 'tls-alone',
  },
  {
    what: 'node importing the simulator',
    file: 'packages/node/src/scan/simulated.ts',
    text: "import '@cordon/simulator'",
    rule: 'package-direction-node',
  },
  {
    what: 'the simulator importing the server by a path',
    file: 'packages/simulator/src/path.ts',
    text: "import '../../server/src/store/index.ts'",
    rule: 'package-direction-simulator',
  },
  {
    what: 'scan of node importing its neighbour originator',
    file: 'packages/node/src/scan/across.ts',
    text: "import '../originator/originator.ts'",
    rule: 'layer-node-scan',
  },
  {
    what: 'store of server importing deploy',
    file: 'packages/server/src/store/up.ts',
    text: "import '../deploy/deploy.ts'",
    rule: 'layer-server-store',
  },
  {
    what: 'a cycle of type imports',
    file: 'packages/core/src/enip/one.ts',
    text: "import type { Two } from './two.ts'\nexport interface One { two: Two }",
    rule: 'no-cycle',
  },
  {
    what: 'a package importing its own entry point',
    file: 'packages/core/src/objects/entry.ts',
    text: "import '../wire/index.ts'",
    rule: 'entry-point-is-for-outsiders',
  },
  {
    what: 'the product importing a test',
    file: 'packages/node/src/transports/tested.ts',
    text: "import '../../test/helper.ts'",
    rule: 'no-test-code-in-product',
  },
  {
    what: 'the product importing a package that it does not list',
    file: 'packages/simulator/src/unlisted.ts',
    text: "import 'fast-check'",
    rule: 'no-development-package-in-product',
  },
  {
    what: 'an import that leads nowhere',
    file: 'packages/cli/src/nowhere.ts',
    text: "import './gone.ts'",
    rule: 'resolvable',
  },
  {
    what: 'policy importing security',
    file: 'packages/core/src/policy/suites.ts',
    text: "import '../security/suites.ts'",
  },
  { what: 'core importing a pure package', file: 'packages/core/src/policy/text.ts', text: "import 'yaml'" },
  {
    what: 'verify of node importing scan',
    file: 'packages/node/src/verify/scans.ts',
    text: "import '../scan/scan.ts'",
  },
  { what: 'cli importing the store', file: 'packages/cli/src/store.ts', text: "import '@cordon/server/store'" },
  { what: 'node importing tls', file: 'packages/node/src/transports/tls.ts', text: "import '@cordon/tls'" },
]

/** Files that the plants import, and that are blameless themselves. */
const blameless: Readonly<Record<string, string>> = {
  'packages/core/src/cip/object.ts': 'export const object = 1',
  'packages/core/src/enip/header.ts': 'export const header = 1',
  'packages/core/src/enip/two.ts': "import type { One } from './one.ts'\nexport interface Two { one: One }",
  'packages/core/src/errors.ts': 'export const error = 1',
  'packages/core/src/helpers/second.ts': 'export const second = 1',
  'packages/core/src/policy/model.ts': 'export const policy = 1',
  'packages/core/src/security/suites.ts': 'export const suites = 1',
  'packages/core/src/wire/index.ts': 'export const wire = 1',
  'packages/node/src/files.ts': 'export const files = 1',
  'packages/node/src/originator/originator.ts': 'export const originator = 1',
  'packages/node/src/scan/scan.ts': 'export const scan = 1',
  'packages/node/test/helper.ts': 'export const helper = 1',
  'packages/server/src/deploy/deploy.ts': 'export const deploy = 1',
  'packages/server/src/store/index.ts': 'export const store = 1',
  'packages/simulator/src/index.ts': 'export const simulator = 1',
  'packages/tls/lib/index.ts': 'export const tls = 1',
}

interface Violation {
  readonly from: string
  readonly rule: { readonly name: string }
}

describe.runIf(existsSync(cruiser))('the layer rules', () => {
  let folder = ''
  let violations: readonly Violation[] = []

  beforeAll(() => {
    folder = plantTree()
    violations = cruise(folder)
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(plants.filter(({ rule }) => rule !== undefined))('refuse $what', ({ file, rule }) => {
    expect(violations.filter(({ from }) => from === file).map((found) => found.rule.name)).toContain(rule)
  })

  test.each(plants.filter(({ rule }) => rule === undefined))('allow $what', ({ file }) => {
    expect(violations.filter(({ from }) => from === file)).toEqual([])
  })

  test('blame nobody else', () => {
    const planted = plants.map(({ file }) => file)
    const others = violations.map(({ from }) => from).filter((from) => !planted.includes(from))
    // The other half of the planted cycle is the one file that is to blame without being a plant.
    expect(others.filter((from) => from !== 'packages/core/src/enip/two.ts')).toEqual([])
  })
})

if (!existsSync(cruiser))
  test.skip('the layer rules: dependency-cruiser is not installed, npm run check installs it', () => {})

/** A tree with our packages' own package.json files, and sources that are nothing but imports. */
function plantTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-layers-'))
  for (const name of ['.dependency-cruiser.mjs', 'tsconfig.base.json'])
    cpSync(join(repository, name), join(folder, name))
  mkdirSync(join(folder, 'node_modules/@cordon'), { recursive: true })
  for (const name of readdirSync(join(repository, 'packages'))) {
    mkdirSync(join(folder, 'packages', name), { recursive: true })
    cpSync(join(repository, 'packages', name, 'package.json'), join(folder, 'packages', name, 'package.json'))
    symlinkSync(join(folder, 'packages', name), join(folder, 'node_modules/@cordon', name))
  }
  for (const name of ['yaml', 'kysely', 'fast-check']) {
    mkdirSync(join(folder, 'node_modules', name))
    writeFileSync(
      join(folder, 'node_modules', name, 'package.json'),
      JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
    )
    writeFileSync(join(folder, 'node_modules', name, 'index.js'), '')
  }
  const files = [...Object.entries(blameless), ...plants.map(({ file, text }) => [file, text] as const)]
  for (const [file, text] of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), `${text}\nexport {}\n`)
  }
  return folder
}

function cruise(folder: string): readonly Violation[] {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [cruiser, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'packages'],
    { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )
  if (!stdout.startsWith('{')) throw new Error(`dependency-cruiser failed:\n${stderr}${stdout}`)
  // The tool's documented report; a change of its shape fails every test below.
  return (JSON.parse(stdout) as { summary: { violations: readonly Violation[] } }).summary.violations
}
