import { PlantReader } from '@cordon/server/plants'
import { openStore } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstBrokenEntry } from '../../src/audit/audit.ts'
import { createPlant, restoreVersion, saveVersion, type SaveResult } from '../../src/plants/save.ts'
import { listVersions, readModel, readVersion, validateTexts, versionDifference } from '../../src/plants/versions.ts'
import { ada, bob, PlantBench, worksText } from './support.ts'

let bench: PlantBench
const means = () => bench.means
const db = () => bench.means.store.db

beforeAll(async () => {
  bench = await PlantBench.open()
})
afterAll(() => bench[Symbol.asyncDispose]())

async function created(name: string, text = worksText(name)): Promise<string> {
  const result = await createPlant(means(), { text, simulation: null, message: 'begin', acting: ada })
  if (result.kind !== 'saved') throw new Error(JSON.stringify(result))
  return text
}

function save(plant: string, base: number, text: string, acting = ada): Promise<SaveResult> {
  return saveVersion(means(), { plant, base, text, message: 'a change', acting })
}

async function deviceNames(plant: string): Promise<string[]> {
  const rows = await db()
    .selectFrom('plant_devices')
    .select('name')
    .where('plant', '=', plant)
    .orderBy('name')
    .execute()
  return rows.map(({ name }) => name)
}

describe('a plant', () => {
  it('begins with version 1 and keeps each text for ever', async () => {
    const text = await created('first')
    const result = await save('first', 1, text.replace('paint.', 'paint, moved.'), bob)
    expect(result).toMatchObject({
      kind: 'saved',
      version: { number: 2, base: 1, author: 'bob', devices: 6, zones: 3, conduits: 2 },
    })
    expect((await readVersion(means().store, 'first', 1)).text).toBe(text)
    expect(
      (await listVersions(means().store, 'first', { limit: 10 })).map(({ number, author }) => [number, author]),
    ).toEqual([
      [2, 'bob'],
      [1, 'ada'],
    ])
    await expect(db().updateTable('plant_versions').set({ plant: 'x' }).execute()).rejects.toThrow(
      /not changed or deleted/,
    )
    await expect(db().deleteFrom('plant_versions').where('plant', '=', 'first').execute()).rejects.toThrow(
      /not changed/,
    )
  })

  it('keeps its name', async () => {
    const text = await created('named')
    const result = await save('named', 1, text.replace('plant: named', 'plant: other'))
    expect(result).toMatchObject({
      kind: 'invalid',
      problems: expect.arrayContaining([
        expect.objectContaining({ line: 2, column: 8, remedy: expect.stringMatching(/write `plant: named`/) }),
      ]),
    })
    await expect(created('named')).rejects.toMatchObject({
      name: 'NotAllowed',
      message: expect.stringMatching(/already/),
    })
  })

  it('takes no text that validation refuses, and says everything that is wrong in it', async () => {
    const text = await created('strict')
    const result = await save('strict', 1, text.replace('zone: paint', 'zone: pain').replace('192.0.2.2', '192.0.2.1'))
    expect(result).toMatchObject({
      kind: 'invalid',
      problems: expect.arrayContaining([
        expect.objectContaining({ line: 13, severity: 'error', remedy: 'did you mean paint?' }),
        expect.objectContaining({ line: 11, severity: 'error', message: expect.stringMatching(/duplicate-address/) }),
      ]),
    })
    const failing = await save('strict', 1, `${text}tests:\n  - { from: PLC, to: Painter, access: denied }\n`)
    expect(failing).toMatchObject({
      kind: 'invalid',
      problems: [
        { line: 22, message: expect.stringMatching(/does not hold/) },
        ...new Array(1).fill(expect.anything()),
      ],
    })
    expect(await listVersions(means().store, 'strict', { limit: 10 })).toHaveLength(1)
  })

  it('is not saved anew with the text that it has', async () => {
    const text = await created('same')
    expect(await save('same', 1, text)).toMatchObject({ kind: 'unchanged', version: { number: 1 } })
  })

  it('keeps its list of devices in step with the newest version', async () => {
    const text = await created('step')
    expect(await deviceNames('step')).toEqual(['Cordon', 'PLC', 'Painter', 'Panel', 'Robot_1', 'Robot_2'])
    await save(
      'step',
      1,
      text
        .replace(/ {2}Robot_2: .*\n/, '  Robot_3: { address: 192.0.2.9, zone: press }\n')
        .replace('192.0.2.4', '192.0.2.40'),
    )
    expect(await deviceNames('step')).toEqual(['Cordon', 'PLC', 'Painter', 'Panel', 'Robot_1', 'Robot_3'])
    const painter = await db()
      .selectFrom('plant_devices')
      .selectAll()
      .where('plant', '=', 'step')
      .where('name', '=', 'Painter')
      .executeTakeFirst()
    expect(painter).toMatchObject({ address: '192.0.2.40', zone: 'paint', capable: true, managed: true })
    // Without the model of the version before at hand, all rows are compared.
    await using reader = new PlantReader()
    const again = await saveVersion(
      { store: means().store, reader },
      { plant: 'step', base: 2, text, message: 'back', acting: ada },
    )
    expect(again.kind).toBe('saved')
    expect(await deviceNames('step')).toEqual(['Cordon', 'PLC', 'Painter', 'Panel', 'Robot_1', 'Robot_2'])
  })

  it('tells each change once, in the audit and as an event', async () => {
    const text = await created('told')
    await save('told', 1, `${text}# end\n`, bob)
    const audit = await db().selectFrom('audit').selectAll().where('plant', '=', 'told').orderBy('id').execute()
    expect(audit.map(({ action, actor, request }) => [action, actor, request])).toEqual([
      ['plants.create', 'ada', 'r-1'],
      ['versions.save', 'bob', 'r-2'],
    ])
    const events = await db().selectFrom('events').selectAll().where('plant', '=', 'told').orderBy('id').execute()
    expect(events.map(({ kind, detail }) => [kind, detail])).toEqual([
      ['plant-created', { version: 1, author: 'ada', message: 'begin' }],
      ['plant-saved', { version: 2, author: 'bob', message: 'a change' }],
    ])
    expect(await firstBrokenEntry(db())).toBeUndefined()
  })

  it('asks for a sentence about each change', async () => {
    const text = await created('sentence')
    for (const message of ['', '   ', 'x'.repeat(501), 'a\u0000b', 'a \u202e b']) {
      const saving = saveVersion(means(), { plant: 'sentence', base: 1, text: `${text}#\n`, message, acting: ada })
      await expect(saving).rejects.toMatchObject({ name: 'UsageError', code: 'bad-value' })
    }
    await expect(save('nobody', 1, text)).rejects.toMatchObject({ code: 'missing' })
    await expect(save('sentence', 7, text)).rejects.toMatchObject({ code: 'missing' })
  })
})

describe('two people at one plant', () => {
  it('get a merge to look at where their changes do not touch', async () => {
    const text = await created('merge')
    await save('merge', 1, text.replace('192.0.2.4', '192.0.2.44'), bob)
    const result = await save('merge', 1, text.replace('Presses and paint', 'Presses, paint'))
    if (result.kind !== 'outdated' || result.merge.kind !== 'merged') throw new Error(JSON.stringify(result))
    expect(result.newest).toBe(2)
    expect(result.merge.texts.text).toBe(
      text.replace('192.0.2.4', '192.0.2.44').replace('Presses and paint', 'Presses, paint'),
    )
    expect(result.merge.judgement.accepted).toBe(true)
    expect(await listVersions(means().store, 'merge', { limit: 9 })).toHaveLength(2)
    expect(await save('merge', 2, result.merge.texts.text)).toMatchObject({ kind: 'saved', version: { number: 3 } })
  })

  it('are shown both sides where they do', async () => {
    const text = await created('conflict')
    await save('conflict', 1, text.replace('192.0.2.4', '192.0.2.44'), bob)
    const result = await save('conflict', 1, text.replace('192.0.2.4', '192.0.2.45'))
    expect(result).toMatchObject({
      kind: 'outdated',
      merge: {
        kind: 'conflict',
        conflicts: [
          {
            file: 'plant',
            line: 13,
            baseLine: 13,
            theirsLine: 13,
            mine: ['  Painter: { address: 192.0.2.45, zone: paint }'],
            base: ['  Painter: { address: 192.0.2.4, zone: paint }'],
            theirs: ['  Painter: { address: 192.0.2.44, zone: paint }'],
          },
        ],
      },
    })
  })

  it('learn that a merge without conflict is no valid plant', async () => {
    const text = await created('meaning')
    await save('meaning', 1, text.replace(/ {2}Robot_2: .*\n/, ''), bob)
    const result = await save(
      'meaning',
      1,
      text.replace(
        '  - { between: [press, paint]',
        '  - { between: [Robot_2, Painter] }\n  - { between: [press, paint]',
      ),
    )
    if (result.kind !== 'outdated' || result.merge.kind !== 'merged') throw new Error(JSON.stringify(result))
    expect(result.merge.judgement.accepted).toBe(false)
    expect(result.merge.judgement.problems[0]?.message).toMatch(/Robot_2/)
  })

  it('who save at once: one wins, all others are told, from two stores', async () => {
    const text = await created('race')
    await using second = await openStore(bench.place.options)
    const other = { store: second, reader: means().reader }
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, place) =>
        saveVersion(place % 2 === 0 ? means() : other, {
          plant: 'race',
          base: 1,
          text: text.replace('192.0.2.4', `192.0.2.${100 + place}`),
          message: `change ${place}`,
          acting: place % 2 === 0 ? ada : bob,
        }),
      ),
    )
    expect(results.filter(({ kind }) => kind === 'saved')).toHaveLength(1)
    expect(results.filter(({ kind }) => kind === 'outdated')).toHaveLength(7)
    const [newest, ...older] = await listVersions(means().store, 'race', { limit: 9 })
    expect([newest?.number, older.length]).toEqual([2, 1])
    const painter = await db()
      .selectFrom('plant_devices')
      .select('address')
      .where('plant', '=', 'race')
      .where('name', '=', 'Painter')
      .executeTakeFirst()
    const winner = results.findIndex(({ kind }) => kind === 'saved')
    expect(painter?.address).toBe(`192.0.2.${100 + winner}`)
  })

  it('merge a simulation too, and keep it where nobody speaks of it', async () => {
    const simulation = (slots: number) =>
      `version: 1\nplant: twin\ndevices:\n${['PLC', 'Robot_1', 'Robot_2', 'Painter', 'Panel'].map((name) => `  ${name}: { serial: ${slots} }\n`).join('')}`
    const text = worksText('twin')
    const made = await createPlant(means(), { text, simulation: simulation(1), message: 'begin', acting: ada })
    // What the simulation must say is its own schema's matter: a wrong one is refused with its file named.
    expect(made).toMatchObject({
      kind: 'invalid',
      problems: expect.arrayContaining([expect.objectContaining({ file: 'simulation.yaml' })]),
    })
  })
})

describe('an old version', () => {
  it('comes back as a new one that names it', async () => {
    const text = await created('back')
    await save('back', 1, text.replace('192.0.2.4', '192.0.2.44'), bob)
    const result = await restoreVersion(means(), {
      plant: 'back',
      version: 1,
      base: 2,
      message: 'it was right',
      acting: ada,
    })
    expect(result).toMatchObject({ kind: 'saved', version: { number: 3, message: 'version 1 restored: it was right' } })
    expect((await readVersion(means().store, 'back')).text).toBe(text)
    const audit = await db()
      .selectFrom('audit')
      .select(['action', 'detail'])
      .where('plant', '=', 'back')
      .orderBy('id', 'desc')
      .executeTakeFirst()
    expect(audit).toMatchObject({ action: 'versions.restore', detail: { version: 3, restored: 1 } })
  })

  it('is compared by lines and by meaning', async () => {
    const text = await created('compare')
    const next = text
      .replace('192.0.2.4', '192.0.2.44')
      .replace('  paint: {', '  paint: { uniqueIdentity: true,')
      .replace(/ {2}Robot_2: .*\n/, '  Robot_9: { address: 192.0.2.3, zone: press }\n')
      .replace(
        'messaging: confidentiality }\n  - { between: [PLC',
        'messaging: confidentiality, io: confidentiality }\n  - { between: [PLC',
      )
    expect((await save('compare', 1, next)).kind).toBe('saved')
    const { text: lines, changes, isCoarse } = await versionDifference(means(), 'compare', 1, 2)
    expect(isCoarse).toBe(false)
    expect(lines).toContain('--- plant.yaml version 1')
    expect(lines?.split('\n').filter((line) => /^[-+] /.test(line))).toHaveLength(8)
    expect(changes).toEqual([
      { kind: 'changed', what: 'zone', name: 'paint', fields: ['uniqueIdentity'] },
      { kind: 'added', what: 'device', name: 'Robot_9', fields: [] },
      { kind: 'changed', what: 'device', name: 'Painter', fields: ['address'] },
      { kind: 'removed', what: 'device', name: 'Robot_2', fields: [] },
      { kind: 'changed', what: 'conduit', name: 'paint - press', fields: ['io'] },
    ])
    const checked = await validateTexts(means(), { text: next, simulation: null }, { plant: 'compare', version: 1 })
    expect(checked.changes).toEqual(changes)
    await expect(versionDifference(means(), 'compare', 1, 9)).rejects.toThrow(
      'there is no version 9 of plant compare; the newest is 2',
    )
  })

  it('is read as the model that it describes', async () => {
    await created('model')
    const { plant, version } = await readModel(means(), 'model')
    expect([version, plant.devices.length, plant.zones[0]?.name]).toEqual([1, 6, 'press'])
  })
})
