import { judgePlant } from '@cordon/core/policy'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isProblems, printJudgement, printProblems, readPlantFiles } from '../src/plant-file.ts'
import { testOutput } from './test-output.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-plant-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const plantText = `version: 1
plant: small
manager: Manager
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity }
devices:
  PLC:     { address: 127.0.0.10, zone: line }
  IO:      { address: 127.0.0.11, zone: line, role: target }
  Manager: { address: 127.0.0.2, zone: line, role: originator, io: deny }
tests:
  - { from: PLC, to: IO, messaging: confidentiality }
`
const simulationText = `version: 1
plant: small
vendors:
  acme: { vendor: 65001, organization: Acme, country: US }
models:
  Unit:
    kind: controller
    identity: { vendor: 65001, type: 14, product: 7, revision: [1, 4], name: Unit }
    security: { suites: [0xC02B, 0xC006], credential: { vendor: acme } }
devices:
  PLC: { model: Unit, identity: { serial: 1 } }
  IO: { model: Unit, identity: { serial: 2 } }
`

/** Writes the files and gives the path of the plant file. */
function write(plant: string, simulation?: string): string {
  writeFileSync(join(directory, 'plant.yaml'), plant)
  if (simulation !== undefined) writeFileSync(join(directory, 'simulation.yaml'), simulation)
  return join(directory, 'plant.yaml')
}

describe('a plant file', () => {
  it('is read alone, and then nothing is known of its devices', async () => {
    const files = await readPlantFiles(write(plantText))
    if (isProblems(files)) throw new Error('refused')
    expect(files.plant.name).toBe('small')
    expect(files.simulation).toBeUndefined()
    expect(files.capabilities.size).toBe(0)
  })

  it('is read with the simulation file beside it', async () => {
    const files = await readPlantFiles(write(plantText, simulationText))
    if (isProblems(files)) throw new Error('refused')
    expect(files.simulationFile).toBe(join(directory, 'simulation.yaml'))
    expect(files.capabilities.get('PLC')?.suites).toEqual([0xc02b, 0xc006])
  })

  it('may be named by its directory', async () => {
    write(plantText)
    const files = await readPlantFiles(directory)
    expect(isProblems(files)).toBe(false)
  })

  it('and a simulation elsewhere go together by name', async () => {
    const plant = write(plantText)
    writeFileSync(join(directory, 'other.yaml'), simulationText)
    const files = await readPlantFiles(plant, join(directory, 'other.yaml'))
    if (isProblems(files)) throw new Error('refused')
    expect(files.simulation?.devices).toHaveLength(2)
  })

  it('that is not there is the mistake of the command line', async () => {
    await expect(readPlantFiles(join(directory, 'nope.yaml'))).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('give the path of an existing file'),
    })
    await expect(readPlantFiles(write(plantText), join(directory, 'nope.yaml'))).rejects.toThrow(/simulation file/)
  })

  it('that is not UTF-8 is refused at the byte where it stops being so', async () => {
    const plant = write(plantText)
    writeFileSync(plant, Buffer.concat([Buffer.from('version: 1\n# gr'), Buffer.from([0xfc]), Buffer.from('n\n')]))
    await expect(readPlantFiles(plant)).rejects.toThrow(`${plant}:2:5: the plant file is not UTF-8 text; save it`)
  })

  it.runIf(existsSync('/dev/zero'))('that never ends is refused by its length', async () => {
    const problems = await readPlantFiles('/dev/zero')
    if (!isProblems(problems)) throw new Error('accepted')
    expect(problems).toMatchObject([{ expected: expect.stringMatching(/^at most \d+ characters$/) }])
  })

  it('tells all its problems of form at once, and those of the simulation file too', async () => {
    const broken = plantText.replace('zone: line }', 'zone: line, adress: x }').replace('version: 1', 'version: 2')
    const problems = await readPlantFiles(write(broken, simulationText.replace('kind: controller', 'kind: robot')))
    if (!isProblems(problems)) throw new Error('accepted')
    expect(problems.map(({ file, line }) => [file.slice(directory.length + 1), line])).toEqual([
      ['plant.yaml', 1],
      ['plant.yaml', 7],
      ['simulation.yaml', 7],
    ])
    const { output, stdout, stderr } = testOutput()
    printProblems(output, problems)
    expect(stdout()).toBe('')
    expect(stderr().match(/^ {2}expected: /gm)).toHaveLength(3)
    expect(stderr().match(/^ {2}remedy: {3}/gm)).toHaveLength(3)
    expect(stderr()).toContain(`${join(directory, 'plant.yaml')}:7:`)
    expect(stderr()).toContain('3 problems; nothing was touched')
  })

  it('gives its problems to programs as one document', async () => {
    const problems = await readPlantFiles(write('version: 1\n'))
    if (!isProblems(problems)) throw new Error('accepted')
    const { output, stdout, stderr } = testOutput({ format: 'json' })
    printProblems(output, problems)
    const document = JSON.parse(stdout()) as { verdict: string; problems: { line: number; remedy: string }[] }
    expect(document.verdict).toBe('refused')
    expect(document.problems.length).toBeGreaterThan(0)
    for (const problem of document.problems) expect(problem).toMatchObject({ line: 1, remedy: expect.any(String) })
    expect(stderr()).toBe('')
  })

  it('is accepted when nothing contradicts and its tests hold', async () => {
    const files = await readPlantFiles(write(plantText, simulationText))
    if (isProblems(files)) throw new Error('refused')
    const judged = judgePlant(files)
    expect(judged).toMatchObject({ accepted: true, tests: [{ verdict: 'pass' }] })
    expect(judged.problems.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  it('with a contradiction is refused, at its place, with what would be accepted', async () => {
    const files = await readPlantFiles(write(plantText.replace('role: target', 'messaging: none'), simulationText))
    if (isProblems(files)) throw new Error('refused for its form')
    const judged = judgePlant(files)
    expect(judged.accepted).toBe(false)
    const { output, stderr } = testOutput()
    printJudgement(output, files, judged)
    expect(stderr()).toMatch(/plant\.yaml:8:\d+: error: IO: .*looser.*\[looser-device\]\n {2}instead: /)
    // Its tests would only repeat the contradiction.
    expect(judged.tests).toEqual([])
  })

  it('whose own test does not hold is refused at the line of the test', async () => {
    const files = await readPlantFiles(write(plantText.replace('messaging: confidentiality }\n', 'access: denied }\n')))
    if (isProblems(files)) throw new Error('refused for its form')
    const judged = judgePlant(files)
    expect(judged.accepted).toBe(false)
    const { output, stderr } = testOutput()
    printJudgement(output, files, judged)
    expect(stderr()).toMatch(/plant\.yaml:11:\d+: error: the policy test does not hold: /)
  })
})
