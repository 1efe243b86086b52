import {
  type AuditRecord,
  compareDevice,
  compareFindings,
  type ComparedDevice,
  type ComparisonMeans,
  explain,
  type Finding,
  findingKey,
  modelRisks,
  settingPlaces,
  spellPlace,
  unjudgedSettings,
} from '@cordon/core/drift'
import { type DeviceTarget, Materials, message } from '@cordon/core/deployment'
import { compile, indexPlant, type Plant, parsePlant } from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const port: Finding = {
  kind: 'attribute',
  weight: 'drift',
  device: 'Blue_1',
  address: '127.70.0.1',
  place: { ...settingPlaces.port, part: 'tcp/44818' },
  expected: 'closed',
  found: 'open',
  setting: 'port',
  aim: 'tcp/44818 closed',
}
const timeout: Finding = {
  ...port,
  place: settingPlaces.dtlsTimeout,
  expected: '12 s',
  found: '77 s',
  setting: 'dtlsTimeout',
  aim: '12 s',
}

describe('findings', () => {
  it('are told apart by place and value', () => {
    expect(findingKey(port)).toBe(findingKey({ ...port, address: '127.70.0.2' }))
    const others = [
      timeout,
      { ...port, found: 'closed' },
      { ...port, device: 'Blue_2' },
      { ...port, kind: 'missing' as const },
    ]
    expect(new Set([port, ...others].map(findingKey)).size).toBe(5)
    expect(spellPlace({ ...settingPlaces.port, part: 'tcp/44818' })).toBe(
      'TCP/IP Interface (0xF5) instance 1 attribute 14, Port Admin State tcp/44818',
    )
  })

  it('of a device that is away or not read are the same whatever it fails with', () => {
    for (const kind of ['missing', 'unreadable'] as const) {
      const away = { ...port, kind, place: undefined, expected: 'it answers' }
      expect(findingKey({ ...away, found: 'connect ECONNREFUSED' })).toBe(findingKey({ ...away, found: 'timed out' }))
    }
    expect(findingKey({ ...port, kind: 'replaced', found: 'a' })).not.toBe(
      findingKey({ ...port, kind: 'replaced', found: 'b' }),
    )
  })

  it('are gone only where somebody looked', () => {
    const changes = compareFindings([port, timeout], [], ({ setting }) => setting === 'port')
    expect(changes).toMatchObject({ appeared: [], gone: [port] })
    expect(compareFindings([port], [port, timeout], () => true)).toMatchObject({ appeared: [timeout], gone: [] })
  })
})

describe('an explanation', () => {
  const record: AuditRecord = {
    what: 'release 77b0',
    at: 2000,
    by: 'kim',
    device: 'Blue_1',
    settings: undefined,
    wrote: undefined,
  }
  const deployment: AuditRecord = { ...record, what: 'deployment 3f2a', by: undefined, wrote: { dtlsTimeout: '77 s' } }

  it('is the newest record about the device that may have done it', () => {
    const other = { ...record, device: 'Blue_2', at: 3000 }
    expect(explain(port, [other, record], undefined, undefined)).toEqual({
      kind: 'record',
      words: 'explained by release 77b0',
      at: 2000,
      by: 'kim',
    })
    const lists = { ...record, device: undefined, settings: ['revocationLists'] as const }
    expect(explain(port, [lists], undefined, undefined).kind).toBe('nobody-known')
  })

  it('is no record that the comparison before has seen the effect of', () => {
    expect(explain(port, [record], { at: 2001, digest: undefined }, undefined).kind).toBe('nobody-known')
    expect(explain(port, [record], { at: 1999, digest: undefined }, undefined).kind).toBe('record')
  })

  it('is a deployment only where it wrote what the model does not want', () => {
    expect(explain(timeout, [deployment], undefined, undefined).words).toBe('explained by deployment 3f2a')
    const right = { ...deployment, wrote: { dtlsTimeout: '12 s' } }
    expect(explain(timeout, [right], undefined, undefined).kind).toBe('nobody-known')
    // What it put right, nothing older can have spoiled.
    expect(explain(port, [deployment, { ...record, at: 1000 }], undefined, undefined).kind).toBe('nobody-known')
  })

  it('for rules, whose words differ each time, is one that wrote them since they were right', () => {
    const rules: Finding = { ...port, place: settingPlaces.ingress, setting: 'ingress', aim: '4 rules (1 new …)' }
    const wrote = { ...deployment, wrote: { ingress: '3 rules (0 new …)' } }
    expect(explain(rules, [wrote], undefined, undefined).kind).toBe('nobody-known')
    expect(explain(rules, [wrote], { at: 1000, digest: 'a' }, 'b').kind).toBe('record')
  })

  it('is the model itself where the device is as it was', () => {
    expect(explain(port, [], { at: 1, digest: 'same' }, 'same').kind).toBe('model')
    expect(explain(port, [], { at: 1, digest: 'same' }, 'other').kind).toBe('nobody-known')
  })
})

function demonstration(): Plant {
  const { plant, problems } = parsePlant(readFileSync('examples/cpwe/plant.yaml', 'utf8'), 'plant.yaml')
  if (plant === undefined) throw new Error(JSON.stringify(problems))
  return plant
}

describe('risks of a model', () => {
  const index = indexPlant(demonstration())
  const risks = modelRisks(index, compile(index).settings.values())

  it('are its edges by trusted address, in their directions, and what nobody enforces', () => {
    const edges = risks.filter(({ kind }) => kind === 'trusted-address-edge').map(({ from, to }) => `${from} -> ${to}`)
    expect(edges.sort()).toEqual([
      'Blue_EN4TR -> Compact_IO_40',
      'Blue_EN4TR -> Compact_IO_41',
      'Blue_EN4TR -> Legacy_EN2TR',
      'Engineering_71 -> Blue_EN4TR',
      'Legacy_EN2TR -> Blue_EN4TR',
      'Maintenance_253 -> Blue_EN4TR',
      'Panel_70 -> Blue_EN4TR',
    ])
    expect(risks.some(({ kind }) => kind === 'plaintext-edge')).toBe(false)
    const weak = risks.filter(({ kind }) => kind === 'not-enforceable').map(({ from }) => from)
    expect(weak).toContain('Compact_IO_40')
    expect(weak).not.toContain('Blue_EN4TR')
  })
})

describe('settings that nobody can judge', () => {
  const index = indexPlant(demonstration())
  const { settings } = compile(index)

  it('are suites and rules of those that talk with a device of which nothing is known', () => {
    expect(unjudgedSettings(index, settings, new Set())).toEqual([])
    const unjudged = unjudgedSettings(index, settings, new Set(['Blue_EN4TR']))
    const devices = unjudged.map(({ device }) => device)
    const peers = [...settings.values()].filter(
      ({ enforcement, promises }) => enforcement !== 'none' && promises.some(({ peer }) => peer === 'Blue_EN4TR'),
    )
    expect(devices).toEqual(peers.map(({ device }) => device))
    expect(devices.length).toBeGreaterThan(0)
    expect(devices).not.toContain('Blue_EN4TR')
    for (const { peers: unknown, settings: list } of unjudged) {
      expect(unknown).toEqual(['Blue_EN4TR'])
      expect(list).toEqual(expect.arrayContaining(['allowedSuites', 'originatorSuites', 'ingress', 'egress']))
      expect(list).not.toContain('dtlsTimeout')
    }
  })
})

describe('a device that could not be read', () => {
  const plant = demonstration()
  const settings = compile(indexPlant(plant)).settings
  const means: ComparisonMeans = {
    materials: new Materials(nodeCrypto, {
      managerZone: 'operations',
      manager: undefined,
      anchors: new Map(),
      lists: new Map(),
      records: [],
      date: 0,
    }),
    crypto: nodeCrypto,
    date: 0,
    nearMs: 0,
    spell: String,
  }
  const target = (name: string): DeviceTarget => {
    const own = settings.get(name)
    if (own === undefined) throw new Error(name)
    return { settings: own, certificate: { key: 'ecdsa-p256', validityMs: 1, renewAt: 0.5, subject: {} } }
  }
  const unit = {
    vendorId: 1,
    deviceType: 12,
    productCode: 1,
    major: 1,
    minor: 1,
    serialNumber: 9,
    productName: 'Unit',
  }
  const device = (name: string, change: Partial<ComparedDevice>): ComparedDevice => ({
    target: target(name),
    observation: undefined,
    heard: undefined,
    role: 'both',
    record: { serialNumber: 7, revision: '1.1', configured: true },
    ...change,
  })
  const kinds = (compared: ComparedDevice) =>
    compareDevice(compared, means).map(({ kind, weight }) => `${kind} ${weight}`)
  const failed = (code: 'unreachable' | 'already-configured-elsewhere') =>
    ({ kind: 'failed', code, evidence: message(code, 'Blue_EN4TR', 'why').evidence }) as const

  it('is missing, another unit, or not read', () => {
    expect(kinds(device('Blue_EN4TR', { observation: failed('unreachable') }))).toEqual(['missing drift'])
    const heard = { unit, capable: true }
    expect(kinds(device('Blue_EN4TR', { observation: failed('unreachable'), heard }))).toEqual(['replaced drift'])
    const same = { unit: { ...unit, serialNumber: 7 }, capable: true }
    expect(kinds(device('Blue_EN4TR', { observation: failed('unreachable'), heard: same }))).toEqual([
      'unreadable unread',
    ])
    expect(kinds(device('Blue_EN4TR', { observation: failed('already-configured-elsewhere') }))).toEqual([
      'unreadable unread',
    ])
  })

  it('is not missed where it gets no settings and serves nobody', () => {
    const record = undefined
    expect(kinds(device('Panel_70', { role: 'originator', record }))).toEqual([])
    expect(kinds(device('Compact_IO_40', { role: 'target', record }))).toEqual(['missing drift'])
    expect(kinds(device('Compact_IO_40', { role: 'target', record, heard: { unit, capable: false } }))).toEqual([])
  })
})
