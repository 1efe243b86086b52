import { type Api, openApi } from '@cordon/server/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plantHandlers } from '../../src/api/routes/plants.ts'
import { recordDiscovered } from '../../src/plants/discovered.ts'
import { recordObserved } from '../../src/plants/observed.ts'
import { PlantBench, worksText } from '../plants/support.ts'
import { authenticate, csrf } from './support.ts'

let bench: PlantBench
let api: Api

beforeAll(async () => {
  bench = await PlantBench.open()
  const { store, reader } = bench.means
  api = await openApi({
    // What these handlers use of it.
    services: { store, reader } as Parameters<typeof openApi>[0]['services'],
    handlers: plantHandlers,
    authenticate,
    version: '0.0.0',
  })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

type Method = 'GET' | 'POST' | 'PUT'

/** Asks as a token of a role. */
async function ask(method: Method, path: string, body?: unknown, role = 'administrator') {
  const response = await api.fastify.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      host: 'localhost',
      authorization: `Bearer cordon_${role}`,
      'x-csrf-token': csrf,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  })
  const json: unknown = response.body === '' ? undefined : response.json()
  // Looked at by the assertions.
  return { status: response.statusCode, json: json as Record<string, never> & { items: Record<string, unknown>[] } }
}

async function created(name: string): Promise<string> {
  const text = worksText(name)
  const { status, json } = await ask('POST', '/plants', { text, message: 'begin' }, 'engineer')
  expect({ status, json }).toMatchObject({ status: 201, json: { version: 1, author: 'engineer', devices: 6 } })
  return text
}

describe('the routes of plants', () => {
  it('save versions, and tell who comes late what happened', async () => {
    const text = await created('api')
    const next = await ask('POST', '/plants/api/versions', {
      base: 1,
      text: text.replace('192.0.2.4', '192.0.2.44'),
      message: 'painter moved',
    })
    expect(next).toMatchObject({ status: 201, json: { version: 2, base: 1, message: 'painter moved' } })
    const late = await ask('POST', '/plants/api/versions', {
      base: 1,
      text: text.replace('192.0.2.4', '192.0.2.45'),
      message: 'x',
    })
    expect(late).toMatchObject({
      status: 409,
      json: {
        code: 'outdated',
        outdated: {
          newest: 2,
          merged: null,
          conflicts: [{ line: 13, mine: [expect.stringMatching(/192\.0\.2\.45/)] }],
        },
      },
    })
    const apart = await ask('POST', '/plants/api/versions', {
      base: 1,
      text: text.replace('Presses', 'All presses'),
      message: 'x',
    })
    expect(apart.json['outdated']).toMatchObject({
      merged: text.replace('192.0.2.4', '192.0.2.44').replace('Presses', 'All presses'),
    })
    const invalid = await ask('POST', '/plants/api/versions', {
      base: 2,
      text: text.replace('zone: paint', 'zone: pain'),
      message: 'x',
    })
    expect(invalid).toMatchObject({
      status: 422,
      json: {
        code: 'invalid',
        problems: expect.arrayContaining([
          expect.objectContaining({ file: 'plant.yaml', line: 13, severity: 'error' }),
        ]),
      },
    })
    expect(await ask('POST', '/plants', { text, message: 'again' })).toMatchObject({ status: 409 })
    expect(await ask('POST', '/plants/api/versions', { base: 2, text, message: 'x' }, 'observer')).toMatchObject({
      status: 403,
    })
    expect(await ask('GET', '/plants/nowhere')).toMatchObject({ status: 404 })
    expect(await ask('GET', '/plants/api/versions/9')).toMatchObject({ status: 404 })
    const restored = await ask('POST', '/plants/api/versions/1/restore', { base: 2, message: 'as it was' })
    expect(restored).toMatchObject({ status: 201, json: { version: 3, message: 'version 1 restored: as it was' } })
    const pages = [
      await ask('GET', '/plants/api/versions?limit=2'),
      await ask('GET', '/plants/api/versions?limit=2&cursor=2'),
    ]
    expect(pages.map(({ json }) => [json.items.map(({ version }) => version), json['next']])).toEqual([
      [[3, 2], '2'],
      [[1], null],
    ])
    expect(await ask('GET', '/plants/api/versions?cursor=x')).toMatchObject({ status: 422 })
    expect((await ask('GET', '/plants/api/versions/3')).json['text']).toBe(text)
    const difference = await ask('GET', '/plants/api/difference?from=1&to=2')
    expect(difference).toMatchObject({
      status: 200,
      json: {
        changes: [{ kind: 'changed', what: 'device', name: 'Painter', fields: ['address'] }],
        text: expect.stringMatching(/^-.*192\.0\.2\.4,/m),
      },
    })
  })

  it('validate what is typed', async () => {
    const text = await created('typed')
    const good = await ask(
      'POST',
      '/plants/validate',
      { text: `${text}# more\n`, against: { plant: 'typed', version: 1 } },
      'observer',
    )
    expect(good).toMatchObject({
      status: 200,
      json: { valid: true, summary: { name: 'typed', devices: 6, zones: 3, conduits: 2 }, changes: [] },
    })
    const bad = await ask('POST', '/plants/validate', { text: 'a: [' })
    expect(bad).toMatchObject({ status: 200, json: { valid: false, summary: null } })
  })

  it('show the plant: list, map, zones, conduits, devices, stages', async () => {
    await created('shown')
    const list = await ask('GET', '/plants', undefined, 'observer')
    expect(list.json.items.find(({ name }) => name === 'shown')).toMatchObject({
      version: 1,
      standings: { 'not-deployed': 4, ok: 2 },
      deployed: null,
      drift: 0,
    })
    expect(
      await ask('PUT', '/plants/shown/layout', { places: { press: { x: 1.5, y: -2 } } }, 'observer'),
    ).toMatchObject({ status: 204 })
    expect(await ask('PUT', '/plants/shown/layout', { places: { nowhere: { x: 1, y: 2 } } })).toMatchObject({
      status: 404,
    })
    const map = await ask('GET', '/plants/shown/topology')
    expect(map).toMatchObject({
      status: 200,
      json: {
        layout: { press: { x: 1.5, y: -2 } },
        zones: [{ name: 'press', stage: 'enforce', devices: 4, nonSecure: 'allow' }, {}, {}],
        conduits: [
          {
            id: 'paint|press',
            messagingProtection: 'Encrypted',
            ioProtection: 'Authenticated',
            trustedAddress: false,
            messaging: 'confidentiality',
            io: 'integrity',
          },
          { zones: ['press', 'legacy'], messagingProtection: 'None', trustedAddress: true },
        ],
      },
    })
    expect((await ask('GET', '/plants/shown/zones')).json.items).toHaveLength(3)
    expect((await ask('GET', '/plants/shown/conduits')).json.items).toHaveLength(2)
    const page = await ask('GET', '/plants/shown/devices?limit=2&zone=press')
    expect(page).toMatchObject({
      status: 200,
      json: {
        items: [{ name: 'Cordon' }, { name: 'PLC', chassis: 'rack', slot: 0, standing: 'not-deployed', serial: null }],
        next: 'PLC',
      },
    })
    expect(await ask('GET', '/plants/shown/devices?limit=500')).toMatchObject({ status: 400 })
    const device = await ask('GET', '/plants/shown/devices/Robot_1')
    expect(device).toMatchObject({
      status: 200,
      json: {
        device: { name: 'Robot_1', zone: 'press' },
        identity: null,
        tables: null,
        wanted: { enforcement: 'rules' },
        findings: [],
      },
    })
    expect(await ask('GET', '/plants/shown/devices/Nobody')).toMatchObject({ status: 404 })
    expect(
      await ask('PUT', '/plants/shown/stages', { stages: { press: 'observe' }, message: 'begin' }, 'engineer'),
    ).toMatchObject({ status: 403 })
    const stages = await ask(
      'PUT',
      '/plants/shown/stages',
      { stages: { press: 'observe' }, message: 'begin' },
      'deployer',
    )
    expect(stages).toMatchObject({
      status: 200,
      json: {
        items: [
          { zone: 'press', stage: 'observe', by: 'deployer', consequence: expect.stringMatching(/\w/) },
          { zone: 'paint', stage: 'enforce', since: null },
          {},
        ],
      },
    })
    expect(await ask('GET', '/plants/shown/findings')).toMatchObject({ status: 200, json: { items: [], next: null } })
    expect(await ask('GET', '/plants/nowhere/findings')).toMatchObject({ status: 404 })
  })

  it('lead from what answered and what was observed to a version', async () => {
    const text = await created('learnt')
    const identity = {
      vendorId: 1,
      deviceType: 12,
      productCode: 166,
      revision: '12.1',
      productName: 'Robot',
      serialNumber: 7,
    }
    await recordDiscovered(
      bench.means.store,
      'learnt',
      [{ address: '192.0.2.30', identity, capable: true }],
      new Date(),
    )
    const end = (link: string) => ({ port: 2, link, name: undefined })
    const way = { size: 10, variable: false, rpiUs: 20_000, multicast: false }
    const seen = (address: string, side: 'originator' | 'target', from: string, to: string) => ({
      address,
      tcp: [],
      tls: [],
      dtls: [],
      bridge: [
        {
          class: 1 as const,
          state: 'Active',
          uptimeS: 5,
          originator: end(from),
          target: end(to),
          originatorToTarget: way,
          targetToOriginator: way,
          missed: 0,
          serial: 3,
          confidentiality: 'None' as const,
          transport: 'udp' as const,
          side,
        },
      ],
    })
    await recordObserved(
      bench.means.store,
      'learnt',
      [
        seen('192.0.2.1', 'originator', '192.0.2.1', '192.0.2.4'),
        seen('192.0.2.5', 'originator', '192.0.2.5', '192.0.2.30'),
      ],
      new Date('2026-03-01T12:00:00Z'),
    )
    const connections = await ask('GET', '/plants/learnt/connections')
    expect(connections).toMatchObject({
      status: 200,
      json: {
        total: 2,
        items: [
          {
            fromName: 'PLC',
            toName: 'Painter',
            fromZone: 'press',
            toZone: 'paint',
            verdict: 'weaker',
            confidentiality: 'None',
            observedAt: '2026-03-01T12:00:00.000Z',
          },
          { fromName: 'Panel', toName: null, verdict: 'unknown-peer' },
        ],
      },
    })
    expect((await ask('GET', '/plants/learnt/connections?zone=paint')).json.items).toHaveLength(1)
    expect((await ask('GET', '/plants/learnt/connections?search=panel')).json.items).toHaveLength(1)
    const dry = await ask('POST', '/plants/learnt/dry-run', {})
    expect(dry).toMatchObject({
      status: 200,
      json: {
        connections: 2,
        breaks: [
          { fromName: 'Panel', toName: null, to: '192.0.2.30', remedy: expect.stringMatching(/add the device/) },
        ],
      },
    })
    const without = text.replace(/ {2}- \{ between: \[press, paint\].*\n/, '')
    expect((await ask('POST', '/plants/learnt/dry-run', { text: without })).json['breaks']).toHaveLength(2)
    expect(await ask('POST', '/plants/learnt/dry-run', { text, version: 1 })).toMatchObject({ status: 422 })
    const proposal = await ask('POST', '/plants/learnt/propose')
    expect(proposal).toMatchObject({
      status: 200,
      json: {
        text: expect.stringMatching(/plant: learnt/),
        notes: expect.arrayContaining([expect.stringMatching(/2 connections/)]),
      },
    })
    expect((await ask('GET', '/plants/learnt/discovered')).json.items).toMatchObject([
      { address: '192.0.2.30', state: 'new', device: null, identity: { vendor: 1, serial: 7 } },
    ])
    expect(
      await ask('POST', '/plants/learnt/discovered/ignore', { addresses: ['192.0.2.30'], ignore: true }),
    ).toMatchObject({ status: 204 })
    const adopted = await ask('POST', '/plants/learnt/discovered/adopt', {
      base: 1,
      devices: [{ address: '192.0.2.30', name: 'Robot_3', zone: 'yard' }],
      newZone: { name: 'yard', authentication: 'certificate', messaging: 'confidentiality', io: 'integrity' },
      message: 'the new robot',
    })
    expect(adopted).toMatchObject({ status: 201, json: { version: 2, devices: 7, zones: 4 } })
    const device = await ask('GET', '/plants/learnt/devices/PLC')
    expect(device.json['tables']).toMatchObject({
      at: '2026-03-01T12:00:00.000Z',
      identity: null,
      bridge: [{ serial: 3 }],
    })
    const table = await ask('POST', '/plants/learnt/import', { csv: 'name,address,zone\nA,192.0.2.80,yard\n' })
    expect(table).toMatchObject({
      status: 200,
      json: {
        text: expect.stringMatching(/ {2}A: \{ address: 192\.0\.2\.80, zone: yard \}/),
        notes: ['1 device added'],
      },
    })
  })
})
