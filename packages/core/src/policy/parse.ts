import { parsePkcs11Uri, tokenProblem } from '../crypto/pkcs11-uri.ts'
import { Converter } from '../document/converter.ts'
import type { ParseProblem, SourceMap } from '../document/read.ts'
import { inOrder, readDocument } from '../document/read.ts'
import { MalformedMessage } from '../errors.ts'
import { defaultSuiteOrder, findSuite, suiteFromText } from '../security/cipher-suites.ts'
import { parseNetwork } from './address.ts'
import type {
  AuthoritySettings,
  Conduit,
  ConnectionApplication,
  Device,
  Plant,
  PlantConnection,
  PlantKeyKind,
  PolicyTest,
  PortReference,
  Zone,
} from './model.ts'
import { defaultDtlsTimeoutS } from './model.ts'
import { nameProblems, readNames } from './names.ts'
import type { PlantFile } from './schema.ts'
import { plantSchema } from './schema.ts'

/** A plant, or every problem of form that its file has. `positions` finds any part of the file again by its path. */
export type PlantResult =
  | { readonly plant: Plant; readonly problems: readonly []; readonly positions: SourceMap }
  | { readonly plant: undefined; readonly problems: readonly ParseProblem[]; readonly positions: SourceMap }

/**
 * Reads a plant file. It throws nothing: whatever the text is, the answer is a plant or a list of problems with line and
 * column; those of a refused file include names that do not exist. Meaning (contradictions, and names in a file without a
 * problem of form) is `validate`'s matter.
 *
 * @param file name for messages
 */
export function parsePlant(text: string, file: string): PlantResult {
  const { value, partial, problems, positions } = readDocument(text, file, plantSchema)
  if (value === undefined) {
    const names = partial === undefined ? [] : nameProblems(readNames(partial, problems), positions)
    return { plant: undefined, problems: inOrder([...problems, ...names]), positions }
  }
  const converter = new Converter(file, positions)
  const plant = readPlant(value as PlantFile, converter) // checked against the schema just now
  if (converter.problems.length === 0) return { plant, problems: [], positions }
  return { plant: undefined, problems: inOrder([...converter.problems, ...nameProblems(plant, positions)]), positions }
}

/** Suites by number, each known and named once. */
export function readSuites(converter: Converter, path: string, list: readonly (number | string)[]): readonly number[] {
  const ids: number[] = []
  for (const [index, item] of list.entries()) {
    const id = typeof item === 'number' ? findSuite(item)?.id : suiteFromText(item)
    const shown = typeof item === 'number' ? `0x${item.toString(16)}` : JSON.stringify(item)
    if (id === undefined) {
      const known = defaultSuiteOrder.map((known) => `0x${known.toString(16).padStart(4, '0')}`).join(', ')
      converter.problem(
        `${path}[${index}]`,
        `${shown} is no cipher suite of CIP Security`,
        `one of ${known}`,
        'use one of these numbers or its IANA name',
      )
    } else if (ids.includes(id)) {
      converter.problem(`${path}[${index}]`, `${shown} stands here twice`, 'each suite once', 'remove one of them')
    } else ids.push(id)
  }
  return ids
}

/** Ports from `tcp/44818`, each named once. */
function readPorts(converter: Converter, path: string, list: readonly string[]): readonly PortReference[] {
  const seen = new Set<string>()
  return list.map((text, index) => {
    const [protocol = '', digits = ''] = text.split('/')
    const port = Number(digits)
    if (port > 65_535)
      converter.problem(`${path}[${index}]`, `found port ${digits}`, 'a port from 1 to 65535', 'correct the number')
    if (seen.has(text))
      converter.problem(`${path}[${index}]`, `${text} stands here twice`, 'each port once', 'remove one of them')
    seen.add(text)
    return { protocol: protocol === 'udp' ? 'udp' : 'tcp', port }
  })
}

function readPlant(file: PlantFile, converter: Converter): Plant {
  const nonSecure = file.nonSecure ?? 'deny'
  return {
    version: 1,
    name: file.plant,
    authority: readAuthority(file.authority ?? {}, converter),
    nonSecure,
    suites: file.suites === undefined ? defaultSuiteOrder : readSuites(converter, 'suites', file.suites),
    manager: file.manager,
    zones: Object.entries(file.zones).map(([name, zone]) => readZone(name, zone, nonSecure, converter)),
    chassis: Object.entries(file.chassis ?? {}).map(([name, { slots, redundant = false }]) => ({
      name,
      slots: Object.entries(slots).map(([slot, device]) => ({ slot: Number(slot), device })),
      redundant,
    })),
    devices: Object.entries(file.devices).map(([name, device]) => readDevice(name, device, converter)),
    ranges: Object.entries(file.ranges ?? {}).map(([name, { addresses, zone }]) => {
      if (parseNetwork(addresses) === undefined) {
        converter.problem(
          `ranges.${name}.addresses`,
          `${addresses} has host bits`,
          'a network address',
          'set the host part to zero',
        )
      }
      return { name, addresses, zone }
    }),
    conduits: (file.conduits ?? []).map((conduit, index) => readConduit(`conduits[${index}]`, conduit, converter)),
    connections: readConnections(file.connections ?? [], converter),
    tests: readTests(file, converter),
  }
}

type File<Section extends keyof PlantFile> = NonNullable<PlantFile[Section]>

function readAuthority(file: File<'authority'>, converter: Converter): AuthoritySettings {
  const { key = 'ecdsa-p256', subject = {}, device = {} } = file
  const hardware = key.startsWith('pkcs11:') ? key : undefined
  if (hardware === undefined && file.kind !== undefined && file.kind !== key) {
    converter.problem(
      'authority.kind',
      `found ${file.kind} beside key ${key}`,
      'kind only beside a pkcs11: key',
      'remove kind',
    )
  }
  if (hardware !== undefined) checkHardware(hardware, converter)
  const kind = hardware === undefined ? (key as PlantKeyKind) : (file.kind ?? 'ecdsa-p256') // the pattern admits nothing else
  return {
    key: kind,
    hardware,
    subject,
    device: {
      key: device.key ?? (kind.startsWith('rsa') ? 'rsa-2048' : 'ecdsa-p256'),
      validityMs: converter.duration('authority.device.validity', device.validity ?? '5y', '1h', '30y'),
      renewAt: device.renewAt ?? 0.66,
    },
  }
}

/** The file names a token; which library is loaded for it is the machine's matter, because a library is code that runs. */
function checkHardware(text: string, converter: Converter): void {
  const refuse = (found: string, remedy: string) =>
    converter.problem('authority.key', found, 'the PKCS#11 URI of a token, such as pkcs11:token=plant', remedy)
  try {
    const uri = parsePkcs11Uri(text)
    const problem = tokenProblem(uri)
    if (problem !== undefined) refuse(problem, 'name the token alone; kind says what keys are made in it')
    if (uri.modulePath !== undefined) {
      refuse(
        'module-path in a plant file',
        'remove it, and set CORDON_PKCS11_MODULE on the machine that holds the token',
      )
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    refuse(error.message, 'correct the URI (RFC 7512)')
  }
}

function readZone(name: string, file: File<'zones'>[string], nonSecure: Zone['nonSecure'], converter: Converter): Zone {
  const path = `zones.${name}`
  const strictest = file.authentication === 'none' ? 'none' : 'confidentiality'
  return {
    name,
    authentication: file.authentication,
    messaging: file.messaging ?? strictest,
    io: file.io ?? strictest,
    psk: file.psk,
    nonSecure: file.nonSecure ?? nonSecure,
    close: readPorts(converter, `${path}.close`, file.close ?? []),
    suites: file.suites === undefined ? undefined : readSuites(converter, `${path}.suites`, file.suites),
    uniqueIdentity: file.uniqueIdentity ?? false,
    checkExpiration: file.checkExpiration ?? false,
    checkName: file.checkName ?? false,
    dtlsTimeoutS:
      file.dtlsTimeout === undefined
        ? defaultDtlsTimeoutS
        : Math.ceil(converter.duration(`${path}.dtlsTimeout`, file.dtlsTimeout, '1s', '1h') / 1000),
  }
}

function readDevice(name: string, file: File<'devices'>[string], converter: Converter): Device {
  return {
    name,
    address: file.address,
    zone: file.zone,
    capability: file.capability ?? 'cip-security',
    role: file.role ?? 'both',
    messaging: file.messaging,
    io: file.io,
    close: readPorts(converter, `devices.${name}.close`, file.close ?? []),
    expect: file.expect,
    dnsName: file.dnsName?.toLowerCase(),
    fingerprint: file.fingerprint?.replaceAll(':', '').toLowerCase(),
  }
}

function readConduit(path: string, file: File<'conduits'>[number], converter: Converter): Conduit {
  return {
    ...file,
    suites: file.suites === undefined ? undefined : readSuites(converter, `${path}.suites`, file.suites),
  }
}

function readConnections(file: File<'connections'>, converter: Converter): readonly PlantConnection[] {
  const counts = new Map<string, number>()
  return file.map((connection, index) => {
    const pair = `${connection.from}-${connection.to}`
    const count = (counts.get(pair) ?? 0) + 1
    counts.set(pair, count)
    return readConnection(`connections[${index}]`, `${pair}-${count}`, connection, converter)
  })
}

function readConnection(
  path: string,
  defaultName: string,
  file: File<'connections'>[number],
  converter: Converter,
): PlantConnection {
  const explicit = file.class === 3
  const application = readApplication(file)
  const rpiUs = Math.round(converter.duration(`${path}.rpi`, file.rpi, '100us', '1h') * 1000)
  if (explicit !== (application.kind === 'messages')) {
    const expected = explicit ? 'messages' : 'identity, a tag or an assembly'
    converter.problem(
      `${path}.opens`,
      `class ${file.class} opens ${application.kind}`,
      expected,
      explicit ? 'remove opens' : 'name what it opens',
    )
  }
  if (file.reads !== undefined && !explicit) {
    converter.problem(
      `${path}.reads`,
      `class ${file.class} reads nothing`,
      'reads only on class 3',
      'remove reads, or use class: 3',
    )
  }
  const least = explicit || file.class === 1 ? 2 : 0
  for (const side of ['outputSize', 'inputSize'] as const) {
    if (file[side] >= least) continue
    converter.problem(
      `${path}.${side}`,
      `found ${file[side]}`,
      `at least ${least}, the sequence count`,
      'add the two bytes of the sequence count',
    )
  }
  return {
    name: file.name ?? defaultName,
    from: file.from,
    originator: file.originator ?? file.from,
    to: file.to,
    target: file.target ?? file.to,
    class: file.class,
    rpiUs,
    targetRpiUs:
      file.targetRpi === undefined
        ? rpiUs
        : Math.round(converter.duration(`${path}.targetRpi`, file.targetRpi, '100us', '1h') * 1000),
    multiplier: file.multiplier ?? (explicit ? 16 : 4),
    outputSize: file.outputSize,
    inputSize: file.inputSize,
    variable: file.variable ?? explicit,
    priority: file.priority ?? (explicit ? 'low' : 'scheduled'),
    multicast: file.multicast ?? false,
    runIdle: file.runIdle ?? (application.kind === 'assembly' && file.outputSize >= least + 4),
    serial: file.serial,
    application,
    reads:
      file.reads === undefined
        ? undefined
        : { tag: file.reads.tag, periodMs: converter.duration(`${path}.reads.every`, file.reads.every, '1ms', '1d') },
    when: file.when ?? 'both',
  }
}

function readApplication({ class: transportClass, opens }: File<'connections'>[number]): ConnectionApplication {
  if (opens === undefined) return { kind: transportClass === 3 ? 'messages' : 'identity' }
  if (typeof opens === 'string') return { kind: opens }
  return 'tag' in opens ? { kind: 'tag', tag: opens.tag } : { kind: 'assembly', ...opens.assembly }
}

/** Most pairs that the tests of a file may stand for. */
const maximumTests = 100_000

function readTests(file: PlantFile, converter: Converter): readonly PolicyTest[] {
  const members = new Map<string, string[]>(Object.keys(file.zones).map((zone) => [zone, []]))
  for (const [name, { zone }] of [...Object.entries(file.devices), ...Object.entries(file.ranges ?? {})])
    members.get(zone)?.push(name)
  const expand = (end: string | string[]): readonly string[] =>
    [end].flat().flatMap((name) => members.get(name) ?? [name])
  const tests: PolicyTest[] = []
  for (const [entry, test] of (file.tests ?? []).entries()) {
    const path = `tests[${entry}]`
    const { from, to, ...statement } = test
    const [all, others] = [expand(from), expand(to)]
    checkTest(path, test, converter)
    if (tests.length + all.length * others.length > maximumTests) {
      converter.problem(
        path,
        `stands for ${all.length * others.length} pairs`,
        `at most ${maximumTests} pairs in all`,
        'name fewer devices',
      )
      return tests
    }
    for (const one of all)
      for (const other of others) if (one !== other) tests.push({ entry, from: one, to: other, ...statement })
  }
  return tests
}

function checkTest(path: string, test: File<'tests'>[number], converter: Converter): void {
  if ((test.messaging ?? test.io ?? test.access ?? test.authentication) === undefined) {
    converter.problem(
      path,
      'nothing is stated',
      'messaging, io, access or authentication',
      'say what must hold between the two',
    )
  }
  if (test.access === 'denied' && (test.messaging ?? test.io ?? test.authentication) !== undefined) {
    converter.problem(
      path,
      'access: denied leaves nothing else to state',
      'access: denied alone',
      'remove the other statements',
    )
  }
}
