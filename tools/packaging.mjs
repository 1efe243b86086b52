import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCaptured } from './child.mjs'
import { npmCommand } from './npm.mjs'
import { root } from './set-up.mjs'
import { toolPath } from './tool-path.mjs'

/** What a published package may hold. A file that fits none of these is a mistake in `files`. */
const compiled = [/^dist\/.+\.js(\.map)?$/, /^dist\/.+\.d\.ts(\.map)?$/]
const usual = [/^package\.json$/, /^README\.md$/, /^LICENSE$/, ...compiled, /^src\/.+\.ts$/]
const prebuilt = 'prebuilds/linux-x64/cordon_tls.glibc.node'

/** Per package: what else it may hold and what it must hold. */
const contents = {
  '@cordon/tls': {
    allowed: [
      /^package\.json$/,
      /^README\.md$/,
      /^LICENSE$/,
      ...compiled,
      /^lib\/.+\.(ts|mjs)$/,
      /^src\/.+\.[ch]$/,
      /^binding\.gyp$/,
      /^prebuilds\/[a-z0-9-]+\/cordon_tls(\.glibc|\.musl)?\.node$/,
    ],
    required: ['lib/build.mjs', 'binding.gyp'],
  },
  '@cordon/web': {
    allowed: [
      /^package\.json$/,
      /^README\.md$/,
      /^LICENSE$/,
      /^dist\/assets\/[^/]+\.(js|css|svg|woff2)$/,
      /^dist\/([a-z-]+\.(svg|js)|index\.html)$/,
    ],
    required: ['dist/index.html'],
  },
  '@cordon/cli': { allowed: [...usual, /^bin\/cordon\.mjs$/], required: ['bin/cordon.mjs', 'dist/main.js'] },
}

/** Packs every package as npm would publish it, and looks at what came out. */
export async function checkPackages() {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const folder = mkdtempSync(join(tmpdir(), 'cordon-pack-'))
  const faults = []
  try {
    const wantsPrebuilt = await makePrebuilt()
    for (const workspace of workspaces) faults.push(...(await checkPackage(workspace, folder, wantsPrebuilt)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { ok: faults.length === 0, output: faults.join('\n') }
}

/** The binary in the package exists for linux-x64 with glibc; elsewhere the package is built from source. */
async function makePrebuilt() {
  const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
  if (process.platform !== 'linux' || process.arch !== 'x64' || !isGlibc) return false
  const { code, output } = await runCaptured(process.execPath, [join(root, 'packages/tls/lib/prebuild.mjs')], {
    cwd: root,
  })
  if (code !== 0) throw new Error(`packages/tls/lib/prebuild.mjs failed:\n${output}`)
  return true
}

async function checkPackage(workspace, folder, wantsPrebuilt) {
  const [file, ...before] = npmCommand()
  const pack = await runCaptured(
    file,
    [...before, 'pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder],
    { cwd: join(root, workspace) },
  )
  if (pack.code !== 0) return [`${workspace}: npm pack failed:\n${pack.output}`]
  const [{ name, filename, files }] = JSON.parse(pack.stdout)
  const faults = listingFaults(
    name,
    files.map(({ path }) => path),
    wantsPrebuilt,
  )
  const { exports } = JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8'))
  const judges = [['publint', 'publint', ['--strict']]]
  // Types are judged by entry point; a program and pages have none.
  if (exports !== undefined && name !== '@cordon/web')
    judges.push([
      '@arethetypeswrong/cli',
      'attw',
      ['--profile', 'esm-only', '--no-color', '--no-emoji', '--format', 'ascii'],
    ])
  for (const [packageName, command, options] of judges) {
    const { code, output } = await runCaptured(
      process.execPath,
      [toolPath(packageName, command), join(folder, filename), ...options],
      {
        cwd: folder,
        env: { ...process.env, NO_COLOR: '1' },
      },
    )
    if (code !== 0) faults.push(`${command}:\n${output}`)
  }
  return faults.map((fault) => `${name}: ${fault}`)
}

function listingFaults(name, files, wantsPrebuilt) {
  const { allowed = usual, required = [] } = contents[name] ?? {}
  const stray = files.filter((path) => !allowed.some((pattern) => pattern.test(path)))
  const wanted = name === '@cordon/tls' && wantsPrebuilt ? [...required, prebuilt] : required
  const missing = [...wanted, ...entryFiles(name)].filter((path) => !files.includes(path))
  return [...stray.map((path) => `${path} should not be published`), ...missing.map((path) => `${path} is missing`)]
}

/** Each file that `exports` points at, under every condition. */
function entryFiles(name) {
  const path = join(root, 'packages', name.slice('@cordon/'.length), 'package.json')
  if (!existsSync(path)) return []
  const { exports = {} } = JSON.parse(readFileSync(path, 'utf8'))
  return Object.values(exports).flatMap((conditions) =>
    (typeof conditions === 'string' ? [conditions] : Object.values(conditions)).map((target) =>
      target.slice('./'.length),
    ),
  )
}
