import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startPlantProcess } from '../src/virtual-plant-process.ts'

const isBuilt = existsSync(fileURLToPath(new URL('../dist/main.js', import.meta.url)))
const address = `127.${64 + (Number(process.env['VITEST_POOL_ID'] ?? 1) % 64)}.201.10`

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-process-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe.skipIf(!isBuilt)('a virtual plant in a process of its own', () => {
  it('that finds a port taken ends at once and says so, instead of keeping its parent waiting', async () => {
    const plantFile = join(directory, 'plant.yaml')
    writeFileSync(
      plantFile,
      `version: 1
plant: small
nonSecure: allow
zones: { line: { authentication: none, messaging: none, io: none } }
devices: { IO: { address: ${address}, zone: line, capability: none } }
`,
    )
    writeFileSync(
      join(directory, 'simulation.yaml'),
      `version: 1
plant: small
vendors: {}
models:
  Unit: { kind: adapter, identity: { vendor: 65001, type: 12, product: 7, revision: [1, 4], name: Unit }, security: none }
devices:
  IO: { model: Unit, identity: { serial: 1 } }
`,
    )
    const other = createServer().listen(44818, address)
    await once(other, 'listening')
    const notes: string[] = []
    const started = startPlantProcess({
      plantFile,
      directory: join(directory, 'devices'),
      state: join(directory, 'state'),
      signal: new AbortController().signal,
      note: (line) => notes.push(line),
    })
    await expect(started).rejects.toThrow('did not come up (exit code 1)')
    expect(notes.join('\n')).toContain(`${address}:44818`)
    other.close()
  })
})
