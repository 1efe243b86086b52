import {
  type Capabilities,
  decide,
  type Decision,
  editPlant,
  everyoneElse,
  type ModelChange,
  modelDifference,
  type Plant,
  type PlantEdit,
  type PlantIndex,
  type Stage,
  stageConsequences,
  parseDeviceTable,
} from '@cordon/core/policy'
import { suiteName } from '@cordon/core/security'
import {
  type ConnectionPage,
  type ConnectionQuestion,
  connectionsOf,
  type DryRunAnswer,
  dryRunOf,
  type ProposeQuestion,
  proposeFrom,
  type Proposal,
} from './learn.ts'
import { type Conflict, mergeTexts } from './merge.ts'
import {
  compiledOf,
  type DeviceRow,
  deviceRows,
  fileNames,
  formProblem,
  type Judgement,
  type Model,
  type Models,
  outlineOf,
  type PlantProblem,
  type VersionTexts,
} from './models.ts'
import { type TextDifference, textDifference } from './text-difference.ts'

/**
 * What the manager asks about the texts of plants. Each question is plain data and so is its answer: they travel to a
 * thread of their own, so that nobody waits while a large plant is read.
 * @module
 */

/** A model by its key; the texts are sent along when they are not kept any more. */
export interface ModelReference {
  readonly key: string
  readonly texts?: VersionTexts | undefined
}

/** The texts of the key are not kept: ask again with them. */
export interface Unknown {
  readonly unknown: true
}

/** What the store keeps of the newest version. */
export interface StoredParts {
  /** JSON of a PlantOutline. */
  readonly outline: string
  /** JSON of {@link DeviceRow}s: all, or those that differ from `since`. */
  readonly rows: string
  /** Devices that `since` had and this version has not; undefined where all rows are given. */
  readonly removed: readonly string[] | undefined
}

/** What two versions differ in. */
export interface Difference extends TextDifference {
  readonly changes: readonly ModelChange[]
  /** Changes beyond those that are listed. */
  readonly more: number
}

/** What comes of two changes of one version. `too-different`: their texts cannot be compared within bounds. */
export type Merge =
  | { readonly kind: 'merged'; readonly texts: VersionTexts; readonly judgement: Judgement }
  | { readonly kind: 'conflict'; readonly conflicts: readonly Conflict[]; readonly more: number }
  | { readonly kind: 'too-different' }

/** A text that was changed by a program, or why it cannot be. */
export interface Edited {
  readonly text: string | undefined
  readonly problems: readonly PlantProblem[]
}

/** What the model wants of a device. */
export interface WantedOfDevice {
  /** By what it lets the right peers in; undefined where it gets no settings. */
  readonly enforcement: string | undefined
  /** Plain ports, as `tcp/44818 closed`. */
  readonly ports: readonly string[]
  readonly suites: readonly string[]
  readonly peers: readonly {
    readonly name: string
    readonly messaging: 'Encrypted' | 'Authenticated' | 'None'
    readonly io: 'Encrypted' | 'Authenticated' | 'None'
  }[]
}

/** A plant with what its devices can do as far as its texts say. */
export interface PlantModel {
  readonly plant: Plant
  readonly capabilities: Capabilities
}

/** What the stage of a zone means, in one line for people. */
export interface StageMeaning {
  readonly zone: string
  readonly consequence: string
}

/** The questions with their answers. */
export interface Questions {
  judge: { input: VersionTexts; answer: Judgement }
  parts: {
    input: { readonly model: ModelReference; readonly since: string | undefined }
    answer: StoredParts | Unknown
  }
  model: { input: { readonly model: ModelReference }; answer: PlantModel | Unknown | undefined }
  device: {
    input: { readonly model: ModelReference; readonly device: string }
    answer: WantedOfDevice | Unknown | undefined
  }
  stages: {
    input: {
      readonly model: ModelReference
      readonly stages: readonly (readonly [zone: string, stage: Stage])[]
      /** Devices that are under a policy now. */
      readonly held: readonly string[]
    }
    answer: readonly StageMeaning[] | Unknown
  }
  difference: {
    input: { readonly from: VersionTexts; readonly to: VersionTexts; readonly names: readonly [string, string] }
    answer: Difference
  }
  changes: {
    input: { readonly from: VersionTexts; readonly to: VersionTexts }
    answer: Pick<Difference, 'changes' | 'more'>
  }
  merge: {
    input: { readonly base: VersionTexts; readonly mine: VersionTexts; readonly theirs: VersionTexts }
    answer: Merge
  }
  edit: { input: { readonly text: string; readonly edits: readonly PlantEdit[] }; answer: Edited }
  table: { input: { readonly text: string; readonly csv: string }; answer: Proposal }
  connections: {
    input: ConnectionQuestion & { readonly model: ModelReference; readonly readings: readonly string[] }
    answer: ConnectionPage | Unknown
  }
  dryRun: { input: VersionTexts & { readonly readings: readonly string[] }; answer: DryRunAnswer }
  propose: { input: ProposeQuestion; answer: Proposal }
}

/** Name of a question. */
export type QuestionName = keyof Questions

const unknown: Unknown = { unknown: true }

type Answers = {
  readonly [Name in QuestionName]: (models: Models, input: Questions[Name]['input']) => Questions[Name]['answer']
}

const answers: Answers = {
  judge: (models, texts) => models.read(texts).judgement,
  parts: (models, { model, since }) => {
    const found = find(models, model)
    return found === undefined ? unknown : storedParts(found, since === undefined ? undefined : models.find(since))
  },
  model: (models, { model }) => {
    const found = find(models, model)
    if (found === undefined) return unknown
    return found.read === undefined ? undefined : { plant: found.read.plant, capabilities: found.read.capabilities }
  },
  device: (models, { model, device }) => {
    const found = find(models, model)
    return found === undefined ? unknown : wantedOf(found, device)
  },
  stages: (models, { model, stages, held }) => {
    const found = find(models, model)
    return found === undefined ? unknown : stageMeanings(found, stages, held)
  },
  difference: (models, { from, to, names }) => difference(models, from, to, names),
  changes: (models, { from, to }) => changesBetween(models, from, to),
  merge,
  edit: (_, { text, edits }) => edited(text, edits),
  table: (models, { text, csv }) => tableProposal(models, text, csv),
  connections: (models, { model, readings, ...question }) => {
    const found = find(models, model)
    return found === undefined ? unknown : connectionsOf(found.index, readings, question)
  },
  dryRun: (models, { readings, ...texts }) => dryRunOf(models.read(texts), readings),
  propose: (models, question) => {
    const proposal = proposeFrom(question)
    return { ...proposal, problems: models.read({ text: proposal.text, simulation: null }).judgement.problems }
  },
}

/** Answers a question. */
export function answer<Name extends QuestionName>(
  models: Models,
  name: Name,
  input: Questions[Name]['input'],
): Questions[Name]['answer'] {
  return answers[name](models, input)
}

function find(models: Models, { key, texts }: ModelReference): Model | undefined {
  return models.find(key) ?? (texts === undefined ? undefined : models.read(texts))
}

function storedParts(model: Model, before: Model | undefined): StoredParts {
  const { read, index } = model
  if (read === undefined || index === undefined) throw new Error('parts of a plant that cannot be read were asked for')
  const outline = JSON.stringify(outlineOf(model, index))
  const rows = deviceRows(read.plant, index)
  if (before?.read === undefined || before.index === undefined) {
    return { outline, rows: JSON.stringify([...rows.values()]), removed: undefined }
  }
  const old = deviceRows(before.read.plant, before.index)
  const changed = [...rows.values()].filter((row) => !isSameRow(row, old.get(row.name)))
  return {
    outline,
    rows: JSON.stringify(changed),
    removed: [...old.keys()].filter((name) => !rows.has(name)),
  }
}

function isSameRow(row: DeviceRow, other: DeviceRow | undefined): boolean {
  return (
    other !== undefined &&
    row.address === other.address &&
    row.zone === other.zone &&
    row.chassis === other.chassis &&
    row.slot === other.slot &&
    row.capable === other.capable &&
    row.managed === other.managed
  )
}

/** Most changes by meaning that are listed. */
const mostChanges = 5_000

function difference(
  models: Models,
  from: VersionTexts,
  to: VersionTexts,
  [old, fresh]: readonly [string, string],
): Difference {
  const plant = textDifference(from.text, to.text, [`${fileNames.plant} ${old}`, `${fileNames.plant} ${fresh}`])
  const beside = textDifference(from.simulation ?? '', to.simulation ?? '', [
    `${fileNames.simulation} ${old}`,
    `${fileNames.simulation} ${fresh}`,
  ])
  return {
    text: plant.text === undefined || beside.text === undefined ? undefined : plant.text + beside.text,
    isCoarse: plant.isCoarse || beside.isCoarse,
    ...changesBetween(models, from, to),
  }
}

/** What differs by meaning; nothing where one of the texts cannot be read. */
function changesBetween(models: Models, from: VersionTexts, to: VersionTexts): Pick<Difference, 'changes' | 'more'> {
  const [one, other] = [models.read(from).read, models.read(to).read]
  const changes = one === undefined || other === undefined ? [] : modelDifference(one.plant, other.plant)
  return { changes: changes.slice(0, mostChanges), more: Math.max(0, changes.length - mostChanges) }
}

function merge(models: Models, { base, mine, theirs }: Questions['merge']['input']): Merge {
  const plant = mergeTexts(base.text, mine.text, theirs.text)
  const simulation = mergeSimulations(base.simulation, mine.simulation, theirs.simulation)
  if (plant.kind === 'too-different' || simulation.kind === 'too-different') return { kind: 'too-different' }
  if (plant.kind === 'merged' && simulation.kind === 'merged') {
    const texts = { text: plant.text, simulation: simulation.text }
    return { kind: 'merged', texts, judgement: models.read(texts).judgement }
  }
  const of = (file: Conflict['file'], result: typeof plant | typeof simulation) =>
    result.kind === 'conflict'
      ? { conflicts: result.conflicts.map((conflict): Conflict => ({ file, ...conflict })), more: result.more }
      : { conflicts: [], more: 0 }
  const [one, other] = [of('plant', plant), of('simulation', simulation)]
  return { kind: 'conflict', conflicts: [...one.conflicts, ...other.conflicts], more: one.more + other.more }
}

function mergeSimulations(base: string | null, mine: string | null, theirs: string | null) {
  if (mine === theirs || base === theirs) return { kind: 'merged', text: mine } as const
  if (base === mine) return { kind: 'merged', text: theirs } as const
  // One took it away while another changed it: that is for a person to settle.
  return mergeTexts(base ?? '', mine ?? '', theirs ?? '')
}

function edited(text: string, edits: readonly PlantEdit[]): Edited {
  const { text: result, problems } = editPlant(text, fileNames.plant, edits)
  return { text: result, problems: problems.map(formProblem) }
}

/** Zones that a table names and the plant has not are proposed with these promises. */
const proposedZone = { authentication: 'certificate', messaging: 'confidentiality', io: 'integrity' } as const

function tableProposal(models: Models, text: string, csv: string): Proposal {
  const table = parseDeviceTable(csv, 'devices.csv')
  if (table.devices === undefined) return { text, notes: [], problems: table.problems.map(formProblem) }
  const zones = new Set(models.read({ text, simulation: null }).read?.plant.zones.map(({ name }) => name))
  const fresh = [...new Set(table.devices.map(({ zone }) => zone))].filter((zone) => !zones.has(zone))
  const edits: readonly PlantEdit[] = [
    ...fresh.map((name): PlantEdit => ({ change: 'addZone', zone: { name, ...proposedZone } })),
    ...table.devices.map(
      ({ vendor, type, product, serial, ...device }): PlantEdit => ({
        change: 'addDevice',
        device: { ...device, expect: { vendor, type, product, serial } },
      }),
    ),
  ]
  const result = edited(text, edits)
  if (result.text === undefined) return { text, notes: [], problems: result.problems }
  const { problems } = models.read({ text: result.text, simulation: null }).judgement
  const notes = [
    `${table.devices.length} ${table.devices.length === 1 ? 'device' : 'devices'} added`,
    ...fresh.map((zone) => `zone ${zone} is new: certificate, messages encrypted, I/O authenticated; check that`),
  ]
  return { text: result.text, notes, problems }
}

function stageMeanings(
  { read }: Model,
  stages: readonly (readonly [string, Stage])[],
  held: readonly string[],
): readonly StageMeaning[] {
  if (read === undefined) return []
  const known = new Set(read.plant.zones.map(({ name }) => name))
  // A stage of a zone that an older version had says nothing now.
  const { zones, release } = stageConsequences(
    read.plant,
    new Map(stages.filter(([zone]) => known.has(zone))),
    new Set(held),
  )
  return zones.map(({ zone, protects, open }) => {
    const first = release.filter((one) => one.zone === zone).map(({ device }) => device)
    const sentences = [
      ...protects,
      ...open,
      ...(first.length === 0
        ? []
        : [
            `to be released first: ${first.slice(0, 5).join(', ')}${first.length > 5 ? ` and ${first.length - 5} more` : ''}`,
          ]),
    ]
    return { zone, consequence: sentences.length === 0 ? 'nothing is in force' : sentences.join('; ') }
  })
}

/** Most peers of a device that are listed. */
const mostPeers = 1000

function wantedOf(model: Model, device: string): WantedOfDevice | undefined {
  const { index } = model
  if (index?.devices.has(device) !== true) return undefined
  const settings = compiledOf(model, index).settings.get(device)
  if (settings === undefined) return { enforcement: undefined, ports: [], suites: [], peers: [] }
  const names = new Set(settings.promises.map(({ peer }) => peer).filter((peer) => peer !== everyoneElse))
  return {
    enforcement: settings.enforcement,
    ports: settings.ports.map(({ protocol, port, open }) => `${protocol}/${port} ${open ? 'open' : 'closed'}`),
    suites: settings.allowedSuites.map(suiteName),
    peers: [...names].slice(0, mostPeers).map((name) => ({ name, ...protectionBetween(index, device, name) })),
  }
}

const words = { none: 'None', integrity: 'Authenticated', confidentiality: 'Encrypted' } as const
const fromStrong = ['Encrypted', 'Authenticated'] as const

/** What traffic between two devices gets, whoever opens it: the weaker where both may; `None` where neither may. */
function protectionBetween(index: PlantIndex, one: string, other: string) {
  const word = (transport: 'tcp' | 'udp') => {
    const decisions = [
      decide(index, { from: one, to: other, transport }),
      decide(index, { from: other, to: one, transport }),
    ]
    const found = decisions.flatMap(wordOf)
    return found.includes('None') ? 'None' : (fromStrong.findLast((strength) => found.includes(strength)) ?? 'None')
  }
  return { messaging: word('tcp'), io: word('udp') } as const
}

function wordOf({ verdict, protection }: Decision): readonly ('Encrypted' | 'Authenticated' | 'None')[] {
  return verdict === 'denied' || protection === 'deny' ? [] : [words[protection]]
}
