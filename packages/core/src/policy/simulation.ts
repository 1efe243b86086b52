import type { Static } from 'typebox'
import { Type } from '../document/type.ts'
import { Converter } from '../document/converter.ts'
import { duration, name, named, unsigned, words } from '../document/fields.ts'
import type { ParseProblem, SourceMap } from '../document/read.ts'
import { readDocument } from '../document/read.ts'
import { defaultSuiteOrder } from '../security/cipher-suites.ts'
import { securityProfiles } from '../security/profiles.ts'
import { readSuites } from './parse.ts'
import { suite } from './schema.ts'
import type {
  FaultKind,
  FaultTrigger,
  SimulatedAssembly,
  SimulatedDevice,
  SimulatedFault,
  SimulatedIdentity,
  SimulatedPull,
  SimulatedSecurity,
  SimulatedTag,
  Simulation,
  TagType,
} from './simulation-model.ts'

const strict = { additionalProperties: false } as const

const identity = Type.Object(
  {
    vendor: Type.Optional(unsigned(16, 'CIP vendor number.')),
    type: Type.Optional(unsigned(16, 'CIP device type.')),
    product: Type.Optional(unsigned(16, 'Product code.')),
    revision: Type.Optional(
      Type.Unsafe<[number, number]>(
        Type.Array(unsigned(8, 'Major, then minor.'), {
          minItems: 2,
          maxItems: 2,
          description: 'Major and minor revision.',
          'x-expected': 'a list of two numbers, [33, 11]',
        }),
      ),
    ),
    serial: Type.Optional(unsigned(32, 'Serial number.')),
    name: Type.Optional(
      Type.String({
        pattern: '^[ -~]{1,32}$',
        description: 'Product name.',
        'x-expected': 'a product name of 1 to 32 characters',
      }),
    ),
  },
  { ...strict, description: 'What the Identity object answers.' },
)

const suites = (description: string) => Type.Array(suite, { minItems: 1, maxItems: 13, description })

const security = Type.Object(
  {
    suites: Type.Optional(suites('0x5E attribute 3.')),
    originatorSuites: Type.Optional(suites('0x5E attribute 18; as `suites` when absent.')),
    revisions: Type.Optional(
      Type.Object(
        {
          cipSecurity: Type.Optional(Type.Integer({ minimum: 3, maximum: 4, description: 'Class 0x5D.' })),
          ethernetIpSecurity: Type.Optional(
            Type.Unsafe<7 | 9>({ type: 'integer', enum: [7, 9], description: 'Class 0x5E: 7 or 9.' }),
          ),
          certificateManagement: Type.Optional(Type.Integer({ minimum: 2, maximum: 3, description: 'Class 0x5F.' })),
        },
        { ...strict, description: 'Class revisions.' },
      ),
    ),
    pskSlots: Type.Optional(Type.Integer({ minimum: 0, maximum: 255, description: '0x5E class attribute 8.' })),
    ingressEgress: Type.Optional(Type.Boolean({ description: 'Has class 0x63.' })),
    trustedIdentities: Type.Optional(Type.Boolean({ description: '0x5E attribute 12 may be set.' })),
    fileLimit: Type.Optional(Type.Integer({ minimum: 256, maximum: 1_048_576, description: 'Largest file in bytes.' })),
    plainReset: Type.Optional(
      Type.Boolean({ description: 'True: a reset of its Identity object is taken in plain even under a policy.' }),
    ),
    fileSlots: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description: 'File instances it can hold.' })),
    profiles: Type.Optional(unsigned(16, '0x5D attribute 2.')),
    credential: Type.Optional(
      Type.Union(
        [
          Type.Unsafe<'self-signed'>({ type: 'string', enum: ['self-signed'] }),
          Type.Object(
            {
              vendor: name('A vendor of this file.'),
              condition: Type.Optional(words(['good', 'expired', 'revoked'], 'What became of it.')),
            },
            strict,
          ),
          Type.Object({ cloneOf: name('A unit of this file with a credential of its own.') }, strict),
        ],
        {
          description: 'The credential from the factory.',
          'x-expected': 'self-signed, { vendor: name } or { cloneOf: unit }',
        },
      ),
    ),
  },
  { ...strict, description: 'CIP Security of this unit.' },
)

const count = (most: number, description: string) => Type.Integer({ minimum: 1, maximum: most, description })

const capacity = Type.Object(
  {
    connections: Type.Optional(count(65_535, 'CIP connections.')),
    sessions: Type.Optional(count(65_535, 'Encapsulation sessions.')),
    tls: Type.Optional(count(65_535, 'TLS sessions.')),
    dtls: Type.Optional(count(65_535, 'DTLS associations.')),
    minimumRpi: Type.Optional(duration('Shortest packet interval.', '2ms')),
  },
  { ...strict, description: 'Stated and enforced limits.' },
)

const scalar = Type.Union([Type.Number(), Type.Boolean(), Type.String({ maxLength: 82 })], {
  'x-expected': 'a number, true, false or text of at most 82 characters',
})

const tags = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,39}$' }),
  Type.Object(
    {
      type: words(['BOOL', 'SINT', 'INT', 'DINT', 'LINT', 'REAL', 'LREAL', 'STRING'], 'Elementary type.'),
      length: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Number of elements.' })),
      value: Type.Optional(
        Type.Union([scalar, Type.Array(scalar, { maxItems: 65_535 })], {
          description: 'Value, or a list of one per element; zero when absent.',
          'x-expected': 'a value, or a list of one per element',
        }),
      ),
      produced: Type.Optional(Type.Boolean({ description: 'Consumers may open it.' })),
      countEvery: Type.Optional(duration('Counted up this often.', '20ms')),
    },
    { ...strict, description: 'A tag.' },
  ),
  {
    additionalProperties: false,
    description: 'Tags by name.',
    'x-expected': 'a mapping (`tag: …`)',
    'x-keys': 'a tag name: a letter or _, then letters, digits and _, at most 40 in all',
  },
)

const assemblies = Type.Record(
  Type.String({ pattern: '^[1-9][0-9]{0,4}$' }),
  Type.Object(
    {
      direction: words(['input', 'output', 'configuration'], 'Seen from the originator.'),
      size: Type.Integer({ minimum: 0, maximum: 65_500, description: 'Bytes of data.' }),
      onLoss: Type.Optional(words(['hold', 'zero'], 'What outputs do when their connection is lost.')),
      countEvery: Type.Optional(duration('Input data counted up this often.', '20ms')),
    },
    { ...strict, description: 'An assembly instance.' },
  ),
  {
    additionalProperties: false,
    description: 'Assemblies by instance number.',
    'x-expected': 'a mapping (`instance: …`)',
    'x-keys': 'an instance number from 1 to 65535',
  },
)

const fault = Type.Object(
  {
    kind: words(
      [
        'drop',
        'delay',
        'power-cycle',
        'hang',
        'wrong-answer',
        'full-certificate-store',
        'protection-mode',
        'slow-csr',
        'slow-handshake',
        'man-in-the-middle',
      ],
      'What goes wrong.',
    ),
    share: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'drop: share that is lost.' })),
    delay: Type.Optional(duration('delay, slow-csr, slow-handshake: how long.', '8s')),
    down: Type.Optional(duration('power-cycle: how long it is dark.', '5s')),
    status: Type.Optional(unsigned(8, 'wrong-answer: general status.')),
    after: Type.Optional(duration('Strikes this long after start; at once when absent.', '30s')),
    request: Type.Optional(
      Type.Object(
        {
          class: unsigned(16, 'Class of the request.'),
          service: unsigned(8, 'Service of the request.'),
          occurrence: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 65_535, description: 'The n-th one; the first when absent.' }),
          ),
        },
        { ...strict, description: 'Strikes at a request instead of after a time.' },
      ),
    ),
    lasts: Type.Optional(duration('How long it lasts; for good when absent.', '10s')),
  },
  { ...strict, description: 'A fault.' },
)

const path = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 4096,
    description: `${description} Relative to this file.`,
    'x-expected': 'a path',
  })

const pull = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ description: 'False: no pull model, whatever the model says.' })),
    servers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            host: Type.String({
              pattern: '^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$',
              description: 'Name or address.',
              'x-expected': 'a name or an address',
            }),
            port: Type.Integer({ minimum: 1, maximum: 65_535, description: 'TCP port.' }),
          },
          { ...strict, description: 'An EST server.' },
        ),
        { minItems: 1, maxItems: 16, description: 'EST servers, best first; found by multicast DNS when absent.' },
      ),
    ),
    label: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._~-]{1,64}$',
        description: 'Path label of the servers.',
        'x-expected': 'letters, digits, ., _, ~ and -, at most 64 in all',
      }),
    ),
    trust: Type.Optional(
      Type.Union(
        [
          Type.Unsafe<'provisional'>({ type: 'string', enum: ['provisional'] }),
          Type.Object(
            {
              fingerprint: Type.String({
                pattern: '^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
                description: 'SHA-256 of an authority of the server.',
                'x-expected': '64 hex digits, with or without colons',
              }),
            },
            strict,
          ),
          Type.Object({ anchors: path('PEM file with authorities.') }, strict),
        ],
        {
          description: 'By what a server is believed at the first contact.',
          'x-expected': 'provisional, { fingerprint: … } or { anchors: FILE }',
        },
      ),
    ),
    basic: Type.Optional(
      Type.Object(
        {
          user: Type.String({
            pattern: '^[^:\\x00-\\x1f\\x7f]{1,128}$',
            description: 'User name.',
            'x-expected': 'a user name without colons',
          }),
          passwordFile: path('File that holds the password.'),
        },
        { ...strict, description: 'Told to a server that asks for it, once it is believed.' },
      ),
    ),
    certificate: Type.Optional(
      Type.Object(
        { chain: path('PEM file, leaf first.'), key: path('PEM file with the private key.') },
        { ...strict, description: 'A provisioning certificate, shown instead of the default one.' },
      ),
    ),
    keyKind: Type.Optional(
      words(
        ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048', 'rsa-3072'],
        'Kind of key where the server has no wish.',
      ),
    ),
    calendar: Type.Optional(Type.Boolean({ description: 'Its clock knows the date.' })),
  },
  { ...strict, description: 'It pulls its certificate from an EST server.' },
)

const unit = {
  kind: Type.Optional(words(['module', 'controller', 'adapter', 'drive', 'client'], 'What the unit does.')),
  identity: Type.Optional(identity),
  security: Type.Optional(
    Type.Union([Type.Unsafe<'none'>({ type: 'string', enum: ['none'] }), security], {
      description: 'CIP Security of this unit, or `none`.',
      'x-expected': 'none, or a mapping with suites, revisions, pskSlots, …',
    }),
  ),
  pull: Type.Optional(pull),
  capacity: Type.Optional(capacity),
  tags: Type.Optional(tags),
  assemblies: Type.Optional(assemblies),
  faults: Type.Optional(Type.Array(fault, { maxItems: 64, description: 'What it does wrong.' })),
  starts: Type.Optional(words(['plant', 'after-deployment'], 'With the plant, or once a deployment is done.')),
  web: Type.Optional(Type.Boolean({ description: 'Its own pages on tcp/80; true unless it says otherwise.' })),
  listens: Type.Optional(
    Type.Boolean({ description: 'Accepts connections; false for software that only originates.' }),
  ),
}

/** The schema of the simulation file; `docs/schema/simulation.schema.json` is this value. */
export const simulationSchema = Type.Object(
  {
    version: Type.Literal(1, {
      description: 'Version of this format.',
      'x-expected': '1',
      'x-remedy': 'write `version: 1`',
    }),
    plant: name('Name of the plant that this belongs to.'),
    vendors: Type.Optional(
      named(
        Type.Object(
          {
            vendor: unsigned(16, 'CIP vendor number.'),
            organization: Type.String({
              minLength: 1,
              maxLength: 64,
              description: 'Organization in its certificates.',
            }),
            country: Type.String({
              pattern: '^[A-Z]{2}$',
              description: 'Country in its certificates.',
              'x-expected': 'two capital letters',
            }),
            signature: Type.Optional(
              words(['ecdsa-sha256', 'ecdsa-sha384', 'ecdsa-sha512'], 'How its intermediate signs.'),
            ),
            commonName: Type.Optional(
              Type.String({
                minLength: 1,
                maxLength: 64,
                description: 'Common name of a device certificate, with {name} and {serial}.',
              }),
            ),
            trusted: Type.Optional(
              Type.Boolean({ description: 'False: its root is not among those that are handed out.' }),
            ),
          },
          { ...strict, description: 'A maker with an authority of its own.' },
        ),
        'Vendors by name.',
      ),
    ),
    discovery: Type.Optional(
      Type.Object(
        {
          interfaces: Type.Optional(
            Type.Array(
              Type.String({
                pattern: '^[^\\s/]{1,64}$',
                description: 'As the system calls it.',
                'x-expected': 'a name',
              }),
              { minItems: 1, maxItems: 16, description: 'Interfaces; those of the units when absent.' },
            ),
          ),
          type: Type.Optional(
            Type.String({
              pattern: '^_[A-Za-z0-9-]{1,15}\\._(tcp|udp)$',
              description: 'Service type of the servers, `_est._tcp` when absent.',
              'x-expected': 'a service type such as _est._tcp',
            }),
          ),
          subtype: Type.Optional(
            Type.String({
              pattern: '^_?[A-Za-z0-9-]{1,61}$',
              description: 'Only servers announced under this subtype.',
              'x-expected': 'letters, digits and -, at most 61 in all',
            }),
          ),
        },
        { ...strict, description: 'How units that pull look for EST servers.' },
      ),
    ),
    models: Type.Optional(
      named(Type.Object(unit, { ...strict, description: 'What units of one model share.' }), 'Models by name.'),
    ),
    devices: named(
      Type.Object(
        { model: Type.Optional(name('The model whose parts this unit takes.')), ...unit },
        { ...strict, description: 'A unit.' },
      ),
      'Units by the name of their device in the plant file.',
    ),
  },
  {
    ...strict,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:cordon:simulation:1',
    title: 'Cordon simulation file',
    'x-expected': 'a mapping with version, plant and devices',
  },
)

type SimulationFile = Static<typeof simulationSchema>
type UnitFile = NonNullable<SimulationFile['models']>[string]

/** A simulation, or every problem that its file has. */
export type SimulationResult =
  | { readonly simulation: Simulation; readonly problems: readonly []; readonly positions: SourceMap }
  | { readonly simulation: undefined; readonly problems: readonly ParseProblem[]; readonly positions: SourceMap }

/**
 * Reads a simulation file. Like `parsePlant` it throws nothing. Whether each device of the plant has its unit here is
 * checked by `validate`.
 *
 * @param file name for messages
 */
export function parseSimulation(text: string, file: string): SimulationResult {
  const document = readDocument(text, file, simulationSchema)
  const { positions } = document
  if (document.value === undefined) return { simulation: undefined, problems: document.problems, positions }
  const converter = new Converter(file, positions)
  const simulation = readSimulation(document.value as SimulationFile, converter) // checked against the schema just now
  return converter.problems.length === 0
    ? { simulation, problems: [], positions }
    : { simulation: undefined, problems: converter.problems, positions }
}

function readSimulation(file: SimulationFile, converter: Converter): Simulation {
  const models = new Map(Object.entries(file.models ?? {}))
  const vendors = Object.entries(file.vendors ?? {}).map(([name, vendor]) => ({
    name,
    vendor: vendor.vendor,
    organization: vendor.organization,
    country: vendor.country,
    signature: vendor.signature ?? ('ecdsa-sha256' as const),
    commonName: vendor.commonName ?? '{name} ({serial})',
    trusted: vendor.trusted ?? true,
  }))
  const known = new Set(vendors.map((vendor) => vendor.name))
  const serials = new Map<string, string>()
  const devices = Object.entries(file.devices).map(([name, own]) => {
    const path = `devices.${name}`
    const model = own.model === undefined ? undefined : models.get(own.model)
    if (own.model !== undefined && model === undefined) {
      converter.problem(
        `${path}.model`,
        `there is no model ${own.model}`,
        `one of ${[...models.keys()].join(', ')}`,
        'add it under models',
      )
    }
    const device = readUnit(name, path, merge(model ?? {}, own), converter)
    const credential = device.security?.credential
    if (credential?.kind === 'vendor' && !known.has(credential.vendor)) {
      converter.problem(
        `${path}.security`,
        `there is no vendor ${credential.vendor}`,
        'a vendor of this file',
        'add it under vendors',
      )
    }
    const serial = `${device.identity.vendor}/${device.identity.serial}`
    const other = serials.get(serial)
    if (other !== undefined) {
      converter.problem(
        `${path}.identity`,
        `${other} has the same vendor and serial number`,
        'a serial number of its own',
        'change one of them',
      )
    }
    serials.set(serial, name)
    return device
  })
  for (const device of devices) checkClone(device, devices, converter)
  const { interfaces, type, subtype } = file.discovery ?? {}
  return { version: 1, plant: file.plant, vendors, discovery: { interfaces, type, subtype }, devices }
}

function checkClone({ name, security }: SimulatedDevice, all: readonly SimulatedDevice[], converter: Converter): void {
  const credential = security?.credential
  if (credential?.kind !== 'clone') return
  const original = all.find((each) => each.name === credential.of)?.security?.credential
  if (original !== undefined && original.kind !== 'clone') return
  converter.problem(
    `devices.${name}.security`,
    `${credential.of} has no credential that could be cloned`,
    'a unit of this file with CIP Security and a credential of its own',
    'name another unit',
  )
}

/** A device's own parts over its model's: identity, security and capacity field by field, tags and assemblies by name. */
function merge(model: UnitFile, own: UnitFile): UnitFile {
  const security =
    typeof own.security === 'object' && typeof model.security === 'object'
      ? { ...model.security, ...own.security, revisions: { ...model.security.revisions, ...own.security.revisions } }
      : (own.security ?? model.security)
  return {
    ...model,
    ...own,
    identity: { ...model.identity, ...own.identity },
    capacity: { ...model.capacity, ...own.capacity },
    tags: { ...model.tags, ...own.tags },
    assemblies: { ...model.assemblies, ...own.assemblies },
    faults: [...(model.faults ?? []), ...(own.faults ?? [])],
    ...(security === undefined ? {} : { security }),
    ...(model.pull === undefined && own.pull === undefined ? {} : { pull: { ...model.pull, ...own.pull } }),
  }
}

function readUnit(name: string, path: string, file: UnitFile, converter: Converter): SimulatedDevice {
  const { capacity = {} } = file
  if (file.kind === undefined) {
    converter.problem(
      path,
      'the kind is not known',
      'kind: module, controller, adapter, drive or client',
      'add kind here or to its model',
    )
  }
  return {
    name,
    kind: file.kind ?? 'client',
    identity: readIdentity(path, file.identity ?? {}, converter),
    security:
      file.security === undefined || file.security === 'none'
        ? undefined
        : readSecurity(path, file.security, converter),
    pull: readPull(path, file, converter),
    capacity: {
      connections: capacity.connections ?? 256,
      sessions: capacity.sessions ?? 128,
      tls: capacity.tls ?? 128,
      dtls: capacity.dtls ?? 128,
      minimumRpiUs: Math.round(
        converter.duration(`${path}.capacity.minimumRpi`, capacity.minimumRpi ?? '1ms', '100us', '10s') * 1000,
      ),
    },
    tags: Object.entries(file.tags ?? {}).map(([tag, part]) => readTag(`${path}.tags.${tag}`, tag, part, converter)),
    assemblies: Object.entries(file.assemblies ?? {}).map(([instance, part]) =>
      readAssembly(`${path}.assemblies.${instance}`, Number(instance), part, converter),
    ),
    faults: (file.faults ?? []).map((part, index) => readFault(`${path}.faults[${index}]`, part, converter)),
    startsWhen: file.starts ?? 'plant',
    web: file.web ?? true,
    listens: file.listens ?? true,
  }
}

function readIdentity(path: string, file: NonNullable<UnitFile['identity']>, converter: Converter): SimulatedIdentity {
  const { vendor, type, product, revision, serial, name } = file
  const missing = Object.entries({ vendor, type, product, revision, serial, name }).flatMap(([key, value]) =>
    value === undefined ? [key] : [],
  )
  if (missing.length > 0) {
    const remedy = 'add it here or to its model'
    converter.problem(
      `${path}.identity`,
      `${missing.join(', ')} missing`,
      'vendor, type, product, revision, serial and name',
      remedy,
    )
  }
  const [major = 1, minor = 1] = revision ?? []
  return {
    vendor: vendor ?? 0,
    type: type ?? 0,
    product: product ?? 0,
    major,
    minor,
    serial: serial ?? 0,
    name: name ?? '',
  }
}

/** Suites that a current device offers: all but the one that no TLS library has. */
const currentSuites = defaultSuiteOrder.filter((id) => id !== 0xd001)

function readSecurity(
  path: string,
  file: Exclude<NonNullable<UnitFile['security']>, 'none'>,
  converter: Converter,
): SimulatedSecurity {
  const { revisions = {} } = file
  const offered =
    file.suites === undefined ? currentSuites : readSuites(converter, `${path}.security.suites`, file.suites)
  return {
    suites: offered,
    originatorSuites:
      file.originatorSuites === undefined
        ? offered
        : readSuites(converter, `${path}.security.originatorSuites`, file.originatorSuites),
    objectRevisions: {
      cipSecurity: revisions.cipSecurity ?? 4,
      ethernetIpSecurity: revisions.ethernetIpSecurity ?? 9,
      certificateManagement: revisions.certificateManagement ?? 3,
    },
    pskSlots: file.pskSlots ?? 1,
    ingressEgress: file.ingressEgress ?? true,
    trustedIdentities: file.trustedIdentities ?? true,
    fileLimit: file.fileLimit ?? 16_384,
    fileSlots: file.fileSlots ?? 32,
    plainReset: file.plainReset ?? false,
    profiles: file.profiles ?? securityProfiles.confidentiality,
    credential:
      file.credential === undefined || file.credential === 'self-signed'
        ? { kind: 'self-signed' }
        : 'cloneOf' in file.credential
          ? { kind: 'clone', of: file.credential.cloneOf }
          : { kind: 'vendor', vendor: file.credential.vendor, condition: file.credential.condition ?? 'good' },
  }
}

function readPull(path: string, { pull, security }: UnitFile, converter: Converter): SimulatedPull | undefined {
  if (pull === undefined || pull.enabled === false) return undefined
  if (security === undefined || security === 'none') {
    converter.problem(
      `${path}.pull`,
      'a unit without CIP Security pulls no certificate',
      'security, or no pull',
      'describe its security, or say `pull: { enabled: false }`',
    )
  }
  const { trust = 'provisional', servers, label, basic, certificate } = pull
  if (basic !== undefined && trust === 'provisional') {
    converter.problem(
      `${path}.pull.basic`,
      'a password is not told to a server that nothing vouches for (RFC 7030 4.1.1)',
      'trust with a fingerprint or anchors',
      'add trust: { fingerprint: … } or { anchors: FILE }',
    )
  }
  return {
    servers,
    label,
    trust: readTrust(trust),
    basic,
    certificate,
    keyKind: pull.keyKind ?? 'ecdsa-p256',
    calendar: pull.calendar ?? true,
  }
}

function readTrust(file: NonNullable<NonNullable<UnitFile['pull']>['trust']>): SimulatedPull['trust'] {
  if (file === 'provisional') return { kind: 'provisional' }
  return 'anchors' in file
    ? { kind: 'anchors', file: file.anchors }
    : { kind: 'fingerprint', sha256: file.fingerprint.replaceAll(':', '').toLowerCase() }
}

function readTag(
  path: string,
  name: string,
  file: NonNullable<UnitFile['tags']>[string],
  converter: Converter,
): SimulatedTag {
  const { type, length = 1 } = file
  const given = file.value === undefined ? [] : Array.isArray(file.value) ? file.value : [file.value]
  if (given.length > length) {
    converter.problem(
      `${path}.value`,
      `found ${given.length} values`,
      `at most ${length}`,
      'raise length or remove values',
    )
  }
  if (!given.every((value) => fitsType(type, value))) {
    converter.problem(
      `${path}.value`,
      `a value does not fit ${type}`,
      `values of type ${type}`,
      'correct the value or the type',
    )
  }
  if (file.countEvery !== undefined && (type === 'BOOL' || type === 'STRING')) {
    converter.problem(`${path}.countEvery`, `a ${type} cannot be counted up`, 'a number type', 'remove countEvery')
  }
  const empty = type === 'BOOL' ? false : type === 'STRING' ? '' : 0
  return {
    name,
    type,
    length,
    value: Array.from({ length }, (_, index) => given[index] ?? empty),
    produced: file.produced ?? false,
    change:
      file.countEvery === undefined
        ? { kind: 'constant' }
        : { kind: 'count', everyMs: converter.duration(`${path}.countEvery`, file.countEvery, '1ms', '1d') },
  }
}

const wholeBits: Readonly<Partial<Record<TagType, number>>> = { SINT: 8, INT: 16, DINT: 32, LINT: 54 }

/** LINT values are limited to what a number holds exactly. */
function fitsType(type: TagType, value: unknown): boolean {
  if (type === 'BOOL') return typeof value === 'boolean'
  if (type === 'STRING') return typeof value === 'string' && [...value].every((character) => character < '\u0080')
  if (typeof value !== 'number' || !Number.isFinite(value)) return false
  const bits = wholeBits[type]
  return bits === undefined || (Number.isSafeInteger(value) && value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1))
}

function readAssembly(
  path: string,
  instance: number,
  file: NonNullable<UnitFile['assemblies']>[string],
  converter: Converter,
): SimulatedAssembly {
  if (instance > 65_535)
    converter.problem(path, `found instance ${instance}`, 'an instance number from 1 to 65535', 'correct the number')
  return {
    instance,
    direction: file.direction,
    size: file.size,
    onLoss: file.onLoss ?? 'zero',
    countEveryMs:
      file.countEvery === undefined
        ? undefined
        : converter.duration(`${path}.countEvery`, file.countEvery, '1ms', '1d'),
  }
}

type FaultFile = NonNullable<UnitFile['faults']>[number]

/** The one field that a kind of fault needs besides its trigger. */
const faultField: Readonly<Partial<Record<FaultFile['kind'], 'share' | 'delay' | 'down' | 'status'>>> = {
  drop: 'share',
  delay: 'delay',
  'power-cycle': 'down',
  'wrong-answer': 'status',
  'slow-csr': 'delay',
  'slow-handshake': 'delay',
}

function readFault(path: string, file: FaultFile, converter: Converter): SimulatedFault {
  const needed = faultField[file.kind]
  for (const field of ['share', 'delay', 'down', 'status'] as const) {
    if (field === needed && file[field] === undefined) {
      converter.problem(path, `${field} is missing`, `${file.kind} with ${field}`, `add ${field}`)
    } else if (field !== needed && file[field] !== undefined) {
      converter.problem(
        `${path}.${field}`,
        `${file.kind} has no ${field}`,
        needed === undefined ? 'no such field' : needed,
        `remove ${field}`,
      )
    }
  }
  if (file.after !== undefined && file.request !== undefined) {
    converter.problem(path, 'after and request both say when', 'one of after and request', 'remove one of them')
  }
  return {
    fault: readFaultKind(path, file, converter),
    when: readTrigger(path, file, converter),
    durationMs: file.lasts === undefined ? undefined : converter.duration(`${path}.lasts`, file.lasts, '1ms', '1d'),
  }
}

function readFaultKind(path: string, file: FaultFile, converter: Converter): FaultKind {
  switch (file.kind) {
    case 'drop':
      return { kind: 'drop', share: file.share ?? 0 }
    case 'delay':
    case 'slow-csr':
    case 'slow-handshake':
      return { kind: file.kind, delayMs: converter.duration(`${path}.delay`, file.delay ?? '1s', '1ms', '1h') }
    case 'power-cycle':
      return { kind: 'power-cycle', downMs: converter.duration(`${path}.down`, file.down ?? '1s', '1ms', '1d') }
    case 'wrong-answer':
      return { kind: 'wrong-answer', status: file.status ?? 0 }
    case 'hang':
    case 'full-certificate-store':
    case 'protection-mode':
    case 'man-in-the-middle':
      return { kind: file.kind }
  }
}

function readTrigger(path: string, file: FaultFile, converter: Converter): FaultTrigger {
  if (file.request !== undefined) {
    return {
      kind: 'service',
      class: file.request.class,
      service: file.request.service,
      occurrence: file.request.occurrence ?? 1,
    }
  }
  return {
    kind: 'time',
    afterMs: file.after === undefined ? 0 : converter.duration(`${path}.after`, file.after, '1ms', '30d'),
  }
}
