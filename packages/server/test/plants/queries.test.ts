import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  adoptDiscovered,
  createPlant,
  currentStages,
  ignoreDiscovered,
  importTable,
  listConduits,
  listDevices,
  listDiscovered,
  listPlants,
  listVersions,
  placeZones,
  readDevice,
  readTopology,
  readVersion,
  recordDiscovered,
  saveEdits,
  saveVersion,
  setStages,
  stageHistory,
} from '../../src/plants/index.ts'
import { jsonText } from '../../src/store/schema.ts'
import { ada, bob, PlantBench, worksText } from './support.ts'

let bench: PlantBench
const means = () => bench.means
const store = () => bench.means.store
const db = () => bench.means.store.db
const at = new Date('2026-03-01T12:00:00Z')

beforeAll(async () => {
  bench = await PlantBench.open()
})
afterAll(() => bench[Symbol.asyncDispose]())

async function created(name: string): Promise<string> {
  const text = worksText(name)
  const result = await createPlant(means(), { text, simulation: null, message: 'begin', acting: ada })
  if (result.kind !== 'saved') throw new Error(JSON.stringify(result))
  return text
}

/** Each device of a plant standing in another way. */
async function stand(plant: string): Promise<void> {
  const observed = jsonText({ configured: true, keys: [], capabilities: { capable: true } })
  const record = (name: string, address: string) =>
    db()
      .insertInto('devices')
      .values({
        plant,
        name,
        address,
        zone: 'press',
        observed,
        identity: jsonText({ productName: '1756-EN4TR' }),
        serial: 7,
        vendor_fingerprint: null,
        pinned_at: null,
        certificate_fingerprint: null,
        updated_at: at,
      })
      .execute()
  for (const [name, address] of [
    ['PLC', '192.0.2.1'],
    ['Robot_1', '192.0.2.2'],
    ['Painter', '192.0.2.4'],
  ] as const)
    await record(name, address)
  const deployment = await db()
    .insertInto('deployments')
    .values({
      plant,
      kind: 'apply',
      status: 'not-complete',
      plan: null,
      options: jsonText({ version: 1 }),
      result: null,
      finished_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const target = (device: string, status: 'complete' | 'not-complete' | 'running', lease: Date | null = null) =>
    db()
      .insertInto('deployment_targets')
      .values({
        deployment: deployment.id,
        device,
        position: 0,
        status,
        lease_owner: null,
        lease_until: lease,
        result: jsonText({ outcome: status, messages: [] }),
        updated_at: at,
      })
      .execute()
  await target('PLC', 'not-complete')
  await target('Robot_1', 'complete')
  await target('Painter', 'running', new Date(Date.now() + 60_000))
  const finding = {
    kind: 'attribute',
    weight: 'drift',
    device: 'Robot_1',
    address: '192.0.2.2',
    expected: 'a',
    found: 'b',
  }
  await db()
    .insertInto('drift_findings')
    .values({
      plant,
      key: `${plant}-1`,
      device: 'Robot_1',
      finding: jsonText(finding),
      explanation: jsonText({ sentence: 'x' }),
      found_at: at,
    })
    .execute()
  await db()
    .insertInto('orphans')
    .values({ plant, device: 'Old_PLC', address: '192.0.2.99', reason: 'gone', detail: null })
    .execute()
}

describe('devices', () => {
  it('stand as their deployments, findings and records say', async () => {
    await created('stand')
    await stand('stand')
    const { items, next } = await listDevices(store(), 'stand', { limit: 50 })
    expect(next).toBeUndefined()
    expect(items.map(({ name, standing }) => [name, standing])).toEqual([
      ['Cordon', 'ok'],
      ['Old_PLC', 'left'],
      ['PLC', 'failed'],
      ['Painter', 'running'],
      ['Panel', 'ok'],
      ['Robot_1', 'drift'],
      ['Robot_2', 'not-deployed'],
    ])
    expect(items.find(({ name }) => name === 'PLC')).toMatchObject({
      chassis: 'rack',
      slot: 0,
      product: '1756-EN4TR',
      serial: 7,
      zone: 'press',
    })
    const [plant] = (await listPlants(store())).filter(({ name }) => name === 'stand')
    expect(plant).toMatchObject({
      version: 1,
      devices: 6,
      zones: 3,
      conduits: 2,
      drift: 1,
      expiring: 0,
      deployed: { version: 1, outcome: 'not-complete' },
      standings: { ok: 2, 'not-deployed': 1, drift: 1, failed: 1, unreachable: 0, running: 1, left: 1 },
    })
  })

  it('come in pages that leave none out and give none twice', async () => {
    await created('pages')
    const names: string[] = []
    let after: string | undefined
    do {
      const page = await listDevices(store(), 'pages', { limit: 2, after })
      names.push(...page.items.map(({ name }) => name))
      after = page.next
    } while (after !== undefined)
    expect(names).toEqual(['Cordon', 'PLC', 'Painter', 'Panel', 'Robot_1', 'Robot_2'])
    await expect(listDevices(store(), 'pages', { limit: 201 })).rejects.toMatchObject({ code: 'bad-value' })
    await expect(listDevices(store(), 'nowhere', { limit: 1 })).rejects.toMatchObject({ code: 'missing' })
  })

  it('are found by zone, standing, name and address', async () => {
    const of = async (question: Parameters<typeof listDevices>[2]) =>
      (await listDevices(store(), 'stand', question)).items.map(({ name }) => name)
    expect(await of({ limit: 9, zone: 'paint' })).toEqual(['Painter'])
    expect(await of({ limit: 9, standing: 'drift' })).toEqual(['Robot_1'])
    expect(await of({ limit: 9, standing: 'left' })).toEqual(['Old_PLC'])
    expect(await of({ limit: 9, search: 'ROBOT_' })).toEqual(['Robot_1', 'Robot_2'])
    expect(await of({ limit: 9, search: '2.0.2.4' })).toEqual(['Painter'])
    // A wildcard of the database is only a character.
    expect(await of({ limit: 9, search: '%' })).toEqual([])
    expect(await of({ limit: 9, search: "'; drop table devices; --" })).toEqual([])
  })

  it('tell everything that is known of one', async () => {
    const device = await readDevice(means(), 'stand', 'Robot_1')
    expect(device).toMatchObject({
      device: { name: 'Robot_1', standing: 'drift', drift: 1 },
      identity: { productName: '1756-EN4TR' },
      lastDeployment: { outcome: 'complete' },
      findings: [{ finding: { kind: 'attribute' } }],
      capabilities: { capable: true },
      wanted: {
        enforcement: 'rules',
        peers: expect.arrayContaining([{ name: 'Painter', messaging: 'Encrypted', io: 'Authenticated' }]),
      },
    })
    expect((await readDevice(means(), 'stand', 'Old_PLC')).wanted).toBeUndefined()
    await expect(readDevice(means(), 'stand', 'Nobody')).rejects.toMatchObject({ code: 'missing' })
  })
})

describe('the map', () => {
  it('shows zones with how they stand, and conduits with what each direction gets', async () => {
    const { zones, conduits, version } = await readTopology(store(), 'stand')
    expect(version).toBe(1)
    expect(zones.map(({ name, devices, stage }) => [name, devices, stage])).toEqual([
      ['press', 4, 'enforce'],
      ['paint', 1, 'enforce'],
      ['legacy', 1, 'enforce'],
    ])
    expect(zones[0]?.standings).toMatchObject({ failed: 1, drift: 1, 'not-deployed': 1, ok: 1 })
    expect(conduits).toMatchObject([
      {
        id: 'paint|press',
        zones: ['press', 'paint'],
        authentication: 'certificate',
        uses: [
          { from: 'press', to: 'paint', messaging: 'Encrypted', io: 'Authenticated', isMixed: false },
          { from: 'paint', to: 'press', messaging: 'Encrypted', io: 'Authenticated' },
        ],
      },
      {
        between: ['PLC', 'Panel'],
        zones: ['press', 'legacy'],
        authentication: 'trusted-ip',
        uses: [
          { from: 'PLC', to: 'Panel', messaging: 'None', io: 'None' },
          { from: 'Panel', to: 'PLC', reason: expect.stringMatching(/opened by PLC only/) },
        ],
      },
    ])
    expect(await listConduits(store(), 'stand')).toEqual(conduits)
  })

  it('keeps a zone where it was put, whoever puts another one', async () => {
    await created('layout')
    await placeZones(store(), 'layout', new Map([['press', { x: 10, y: 20 }]]), ada)
    await Promise.all([
      placeZones(
        store(),
        'layout',
        new Map([
          ['paint', { x: 1, y: 2 }],
          ['legacy', { x: 5, y: 5 }],
        ]),
        bob,
      ),
      placeZones(
        store(),
        'layout',
        new Map([
          ['legacy', { x: 7, y: 7 }],
          ['paint', { x: 3, y: 4 }],
        ]),
        ada,
      ),
    ])
    const { layout } = await readTopology(store(), 'layout')
    expect(layout['press']).toEqual({ x: 10, y: 20 })
    // Of two at once the later one as a whole.
    expect([
      { paint: { x: 1, y: 2 }, legacy: { x: 5, y: 5 } },
      { paint: { x: 3, y: 4 }, legacy: { x: 7, y: 7 } },
    ]).toContainEqual({ paint: layout['paint'], legacy: layout['legacy'] })
    await expect(placeZones(store(), 'layout', new Map([['nowhere', { x: 0, y: 0 }]]), ada)).rejects.toMatchObject({
      code: 'missing',
    })
    await expect(
      placeZones(store(), 'layout', new Map([['press', { x: Number.NaN, y: 0 }]]), ada),
    ).rejects.toMatchObject({ code: 'bad-value' })
    const told = await db()
      .selectFrom('events')
      .select('kind')
      .where('plant', '=', 'layout')
      .where('kind', '=', 'layout-saved')
      .execute()
    expect(told).toHaveLength(3)
  })

  it('knows how far each zone is enforced, and since when', async () => {
    await created('stages')
    await setStages(
      store(),
      'stages',
      new Map([
        ['press', 'observe'],
        ['paint', 'observe'],
      ]),
      'begin',
      ada,
    )
    await setStages(store(), 'stages', new Map([['press', 'protect']]), 'it ran a week', bob)
    const now = await currentStages(store(), 'stages')
    expect([...now.values()].map(({ zone, stage, by }) => [zone, stage, by])).toEqual([
      ['paint', 'observe', 'ada'],
      ['press', 'protect', 'bob'],
    ])
    const history = await stageHistory(store(), 'stages', { zone: 'press', limit: 9 })
    expect(history.map(({ stage, message }) => [stage, message])).toEqual([
      ['protect', 'it ran a week'],
      ['observe', 'begin'],
    ])
    await expect(setStages(store(), 'stages', new Map([['nowhere', 'observe']]), 'x', ada)).rejects.toMatchObject({
      code: 'missing',
    })
  })
})

describe('the inbox', () => {
  const robot = {
    vendorId: 1,
    deviceType: 12,
    productCode: 166,
    revision: '12.1',
    productName: 'Robot',
    serialNumber: 0xabc,
  }

  it('takes devices into the plant with a version of it', async () => {
    await created('inbox')
    const answers = [
      { address: '192.0.2.1', identity: { ...robot, serialNumber: 1 }, capable: true },
      { address: '192.0.2.30', identity: robot, capable: true, securityState: 'factory default' },
      { address: '192.0.2.31', identity: undefined, capable: false },
    ]
    expect(await recordDiscovered(store(), 'inbox', answers, at)).toBe(3)
    expect(await recordDiscovered(store(), 'inbox', answers, new Date(at.getTime() + 1000), ada)).toBe(0)
    expect(
      (await listDiscovered(store(), 'inbox')).map(({ address, state, device }) => [address, state, device]),
    ).toEqual([
      ['192.0.2.1', 'adopted', 'PLC'],
      ['192.0.2.30', 'new', undefined],
      ['192.0.2.31', 'new', undefined],
    ])
    await ignoreDiscovered(store(), 'inbox', ['192.0.2.31'], true, bob)
    const adopt = (name: string, address: string, zone: string) =>
      adoptDiscovered(means(), {
        plant: 'inbox',
        base: 1,
        devices: [{ address, name, zone }],
        message: 'a new robot',
        acting: ada,
      })
    await expect(adopt('Robot_3', '192.0.2.77', 'press')).rejects.toMatchObject({ code: 'missing' })
    expect(await adopt('PLC', '192.0.2.30', 'press')).toMatchObject({
      kind: 'invalid',
      problems: [{ line: 10, message: expect.stringMatching(/already/) }],
    })
    expect(await adopt('Robot_3', '192.0.2.30', 'nowhere')).toMatchObject({ kind: 'invalid' })
    expect((await listDiscovered(store(), 'inbox', 'new')).map(({ address }) => address)).toEqual(['192.0.2.30'])
    expect(await adopt('Robot_3', '192.0.2.30', 'press')).toMatchObject({ kind: 'saved', version: { number: 2 } })
    expect((await readVersion(store(), 'inbox')).text).toContain(
      '\n  Robot_3: { address: 192.0.2.30, zone: press, expect: { vendor: 1, serial: 0x00000abc } }\n',
    )
    expect((await listDiscovered(store(), 'inbox')).map(({ state, by, device }) => [state, by, device])).toEqual([
      ['adopted', undefined, 'PLC'],
      ['adopted', 'ada', 'Robot_3'],
      ['ignored', 'bob', undefined],
    ])
    // Another unit at an ignored address is somebody nobody spoke of.
    await recordDiscovered(store(), 'inbox', [{ address: '192.0.2.31', identity: robot, capable: true }], at)
    await recordDiscovered(
      store(),
      'inbox',
      [{ address: '192.0.2.31', identity: { ...robot, serialNumber: 5 }, capable: true }],
      at,
    )
    expect((await listDiscovered(store(), 'inbox', 'new')).map(({ address }) => address)).toEqual(['192.0.2.31'])
  })

  it('holds names of strangers as text', async () => {
    const productName = 'a\u0000\u202e\ud800"}; drop table discovered'
    await recordDiscovered(
      store(),
      'strange',
      [{ address: '192.0.2.1', identity: { ...robot, productName }, capable: false }],
      at,
    )
    const [one] = await listDiscovered(store(), 'strange')
    expect(one?.identity?.productName).toBe('a\ufffd\u202e\ufffd"}; drop table discovered')
  })
})

describe('changes by programs', () => {
  it('are versions like any other', async () => {
    await created('edits')
    const result = await saveEdits(means(), {
      plant: 'edits',
      base: 1,
      edits: [
        { change: 'setZone', device: 'Robot_2', zone: 'paint' },
        { change: 'addDevice', device: { name: 'Robot_4', address: '192.0.2.44', zone: 'paint' } },
      ],
      message: 'more paint',
      acting: { actor: { kind: 'token', name: 'erp of ada' } },
    })
    expect(result).toMatchObject({ kind: 'saved', version: { number: 2, author: 'erp of ada', devices: 7 } })
    const late = await saveEdits(means(), {
      plant: 'edits',
      base: 1,
      edits: [{ change: 'removeDevice', device: 'Robot_1' }],
      message: 'x',
      acting: ada,
    })
    expect(late.kind).toBe('outdated')
    expect(await listVersions(store(), 'edits', { limit: 9 })).toHaveLength(2)
  })

  it('propose the devices of a table', async () => {
    const text = await created('table')
    const csv = 'name;address;zone;serial\r\nA_1;192.0.2.60;press;0x10\r\n"A_2";192.0.2.61;"yard";\r\n\r\n'
    const proposal = await importTable(means(), 'table', csv)
    expect(proposal.notes).toEqual([
      '2 devices added',
      'zone yard is new: certificate, messages encrypted, I/O authenticated; check that',
    ])
    expect(proposal.problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(
      await saveVersion(means(), { plant: 'table', base: 1, text: proposal.text, message: 'table', acting: ada }),
    ).toMatchObject({ kind: 'saved' })
    const wrong = await importTable(means(), 'table', 'name,adress,zone\nA_3,192.0.2.62,press\n')
    expect(wrong.problems).toMatchObject([{ file: 'devices.csv', line: 1, column: 6, remedy: 'did you mean address?' }])
    expect(wrong.text).not.toBe(text)
  })
})
