import { spawn } from 'node:child_process'
import {
  type CompiledPlant,
  compile,
  type DeviceCapabilities,
  difference,
  formatRule,
  indexPlant,
  type ObservedSettings,
  type Plant,
  type PlantDifference,
  parsePlant,
  parseRules,
  type Rule,
  type SourceMap,
  validate,
} from '@cordon/core/policy'
import { type Figure, median, rounded } from './figure.ts'

const runs = 5
const devices = 10_000
const zones = 100
/** Devices of the zone that every other zone has a conduit with: servers, panels and the manager. */
const servers = 10

/** What one process measured. */
interface PolicyReport {
  readonly readSeconds: number
  readonly fullSeconds: number
  readonly changeSeconds: number
  readonly megabytes: number
  /** Devices in the plant that was measured, settings compiled, devices that differ: a run over nothing is no run. */
  readonly counts: readonly [devices: number, settings: number, differing: number, changed: number]
}

/**
 * Validation, compilation and difference of a plant of 10,000 devices in 100 zones, all at once and after one change;
 * each run in a process of its own, so that memory is that of the work and nothing is warm.
 */
export async function policyFigures(): Promise<Figure[]> {
  const reports: PolicyReport[] = []
  for (let run = 0; run < runs; run++) reports.push(await measureInChild())
  for (const { counts } of reports) {
    if (counts[0] !== devices || counts[1] !== devices - 1 || counts[2] !== devices / 10 || counts[3] < 2) {
      throw new Error(`the measured plant is not the expected one: ${counts.join(', ')}`)
    }
  }
  const full = median(reports.map((report) => report.fullSeconds))
  const change = median(reports.map((report) => report.changeSeconds))
  const memory = median(reports.map((report) => report.megabytes))
  const read = median(reports.map((report) => report.readSeconds))
  return [
    { name: 'policy-10000-full', value: rounded(full), unit: 's', target: 'at most 2 s', met: full <= 2 },
    {
      name: 'policy-10000-one-change',
      value: rounded(change * 1000),
      unit: 'ms',
      target: 'at most 200 ms',
      met: change <= 0.2,
    },
    { name: 'policy-10000-memory', value: rounded(memory), unit: 'MB', target: 'at most 500 MB', met: memory <= 500 },
    { name: 'policy-10000-read-file', value: rounded(read), unit: 's', target: 'reported beside the others' },
  ]
}

function measureInChild(): Promise<PolicyReport> {
  const program = `const { measurePolicy } = await import(${JSON.stringify(import.meta.url)}); process.stdout.write(JSON.stringify(measurePolicy()))`
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString('utf8')
    })
    child.on('error', fail)
    child.on('exit', (code) => {
      if (code === 0)
        done(JSON.parse(text) as PolicyReport) // written by measurePolicy in the child
      else fail(new Error(`the process that measures the policy ended with ${code}`))
    })
  })
}

/** Measures once, in this process. */
export function measurePolicy(): PolicyReport {
  const text = plantText()
  const [readSeconds, { plant, positions }] = timed(() => readPlant(text))
  const capabilities = new Map(plant.devices.map((device): [string, DeviceCapabilities] => [device.name, { ...unit }]))
  const observed = readBack(compile(indexPlant(plant, capabilities)))

  const [fullSeconds, before] = timed(() => evaluate(plant))
  const changes: number[] = []
  let last = before
  for (let change = 1; change <= 5; change++) {
    const changed = moveOne(plant, change)
    const [seconds, after] = timed(() => evaluate(changed, before))
    changes.push(seconds)
    last = after
  }
  return {
    readSeconds,
    fullSeconds,
    changeSeconds: median(changes),
    megabytes: process.resourceUsage().maxRSS / 1000,
    counts: [
      plant.devices.length,
      before.compiled.settings.size,
      before.found.devices.size,
      last.compiled.changed.length,
    ],
  }

  function evaluate(
    current: Plant,
    previous?: { compiled: CompiledPlant; found: PlantDifference },
  ): { compiled: CompiledPlant; found: PlantDifference } {
    const index = indexPlant(current, capabilities)
    const problems = validate(index, { positions })
    if (problems.length > 0) throw new Error(problems[0]?.reason)
    const compiled = compile(index, previous?.compiled)
    return { compiled, found: difference(compiled.settings, observed, previous?.found) }
  }
}

const unit: DeviceCapabilities = {
  capable: true,
  suites: [0xc006, 0xc023, 0xc024],
  objectRevisions: { ethernetIpSecurity: 9, certificateManagement: 3 },
  pskSlots: 1,
  fileLimit: 16_384,
  ingressEgress: true,
  trustedIdentities: true,
  maxConnections: 256,
}

/** One zone of servers and 99 cells, each cell with a conduit to the servers; every cell's devices talk to each other. */
function plantText(): string {
  const lines = ['version: 1', 'plant: large', 'manager: Manager', 'suites: [0xC023, 0xC024, 0xC006]', 'zones:']
  for (let zone = 0; zone < zones; zone++) {
    lines.push(
      `  zone${zone}: { authentication: certificate, messaging: ${zone % 2 === 0 ? 'confidentiality' : 'integrity'}, io: integrity, close: [tcp/44818, udp/2222] }`,
    )
  }
  lines.push('devices:', '  Manager: { address: 10.255.0.1, zone: zone0, role: originator, io: deny }')
  for (let place = 1; place < devices; place++) {
    const zone = place <= servers ? 0 : 1 + Math.floor(((place - servers - 1) * (zones - 1)) / (devices - servers - 1))
    lines.push(`  Device_${place}: { address: 10.${(place >> 8) + 1}.${place & 255}.1, zone: zone${zone} }`)
  }
  lines.push('conduits:')
  for (let zone = 1; zone < zones; zone++)
    lines.push(`  - { between: [zone0, zone${zone}], messaging: confidentiality, io: integrity }`)
  return `${lines.join('\n')}\n`
}

function readPlant(text: string): { plant: Plant; positions: SourceMap } {
  const { plant, positions, problems } = parsePlant(text, 'large.yaml')
  if (plant === undefined) throw new Error(problems[0]?.message)
  return { plant, positions }
}

/** What the devices answer: rules read from their texts, and every tenth with another timeout. */
function readBack(compiled: CompiledPlant): Map<string, ObservedSettings> {
  const known = new Map<string, Rule>()
  let place = 0
  return new Map(
    [...compiled.settings].map(([name, { rules, ...settings }]) => [
      name,
      {
        ...settings,
        configured: true,
        dtlsTimeoutS: place++ % 10 === 1 ? 60 : settings.dtlsTimeoutS,
        rules:
          rules === undefined
            ? undefined
            : {
                ingress: parseRules(rules.ingress.map(formatRule), known),
                egress: parseRules(rules.egress.map(formatRule), known),
              },
      },
    ]),
  )
}

/** The plant with one device of a cell at another address, as an editor leaves it. */
function moveOne(plant: Plant, change: number): Plant {
  const moved = 1000 * change
  return {
    ...plant,
    devices: plant.devices.map((device, place) =>
      place === moved ? { ...device, address: `10.200.0.${change}` } : device,
    ),
  }
}

function timed<Result>(work: () => Result): readonly [seconds: number, result: Result] {
  const started = performance.now()
  const result = work()
  return [(performance.now() - started) / 1000, result]
}
