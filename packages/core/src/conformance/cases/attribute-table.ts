import {
  bool,
  byte,
  dword,
  either,
  fixed,
  type Layout,
  list,
  path,
  paddedText,
  record,
  shortString,
  stringI,
  toEnd,
  uint,
  udint,
  usint,
  upTo,
  word,
} from '../layouts.ts'
import type { Basis } from '../case.ts'

/** An attribute as the reference describes it; nothing here comes from this product's own declarations. */
export interface AttributeRow {
  readonly class: number
  /** `class`: of instance 0. */
  readonly instance: 'class' | 1 | 'default-file'
  readonly attribute: number
  readonly name: string
  readonly layout: Layout
  /**
   * `get`: never settable. `configuration`: settable only while the object is being configured. `set`: settable at any time.
   */
  readonly access: 'get' | 'configuration' | 'set'
  /** A target of this class must have it; otherwise it may be missing. */
  readonly required: boolean
  readonly basis: Basis
  readonly source: string
}

/** IANA number of a suite; big-endian in the attribute, so one of those that the reference lists swapped is told apart. */
const suites = list('USINT', fixed(2))

const psk = record(
  'USINT i, identity, USINT k, key, USINT usage',
  shortString(128),
  usint('0: no key is ever told', upTo(0)),
  usint('0..2', upTo(2)),
)

const certificateReference = record('USINT status + EPATH', usint('0..2', upTo(2)), path(0x37))

const portRange = record('UINT low, UINT high', uint(), uint())

const portAdmin = record(
  'SHORT_STRING name, UINT port, USINT protocol, BOOL state, BYTE capability',
  shortString(),
  uint(),
  usint('6 or 17', (value) => value === 6 || value === 17),
  bool,
  byte(0x03),
)

interface Short {
  readonly access?: AttributeRow['access']
  readonly optional?: true
  readonly basis?: Basis
  readonly instance?: AttributeRow['instance']
}

function row(
  source: string,
  classId: number,
  attribute: number,
  name: string,
  layout: Layout,
  more: Short = {},
): AttributeRow {
  return {
    class: classId,
    instance: more.instance ?? (classId === 0x37 ? 'default-file' : 1),
    attribute,
    name,
    layout,
    access: more.access ?? 'get',
    required: more.optional !== true,
    basis: more.basis ?? 'public',
    source,
  }
}

const optional = { optional: true } as const
const staged = { access: 'configuration' } as const
const ofClass = { instance: 'class' } as const

function classAttributes(source: string, classId: number, ids: readonly (1 | 2 | 3 | 6 | 7)[]): AttributeRow[] {
  const names = {
    1: 'Revision',
    2: 'Max Instance',
    3: 'Number of Instances',
    6: 'Max Class Attribute',
    7: 'Max Instance Attribute',
  }
  return ids.map((id) =>
    row(source, classId, id, names[id], id === 1 ? uint('1 and up', (value) => value > 0) : uint(), ofClass),
  )
}

/** Attributes whose type and range a target is asked about (cip-security-wire 4). */
export const attributeRows: readonly AttributeRow[] = [
  // 4.10 Identity
  row('4.10 [W][R]', 0x01, 1, 'Vendor ID', uint()),
  row('4.10 [W][R]', 0x01, 2, 'Device Type', uint()),
  row('4.10 [W][R]', 0x01, 3, 'Product Code', uint()),
  row('4.10 [W][R]', 0x01, 4, 'Revision', record('USINT major, USINT minor', usint(), usint())),
  row('4.10 [W][R]', 0x01, 5, 'Status', word(0xfff5)),
  row('4.10 [W][R]', 0x01, 6, 'Serial Number', udint()),
  row('4.10 [W][R]', 0x01, 7, 'Product Name', shortString(32)),
  row(
    '4.10 [W][R]',
    0x01,
    8,
    'State',
    usint('0..5 or 255', (value) => value <= 5 || value === 255),
    optional,
  ),
  row('4.10 [W][R]', 0x01, 9, 'Configuration Consistency', uint(), optional),
  row('4.10 [W][R]', 0x01, 10, 'Heartbeat Interval', usint(), { optional: true, access: 'set' }),
  row('4.10 [W][R]', 0x01, 19, 'Protection Mode', fixed(2), optional),
  ...classAttributes('2.7, 4.10 [W][R]', 0x01, [1, 2, 6, 7]).map((each) => ({ ...each, required: false })),

  // 4.1 CIP Security
  row('4.1 [W][H][O]', 0x5d, 1, 'State', usint('0..3', upTo(3))),
  row('4.1, 1.7 [W][H][O]', 0x5d, 2, 'Security Profiles', word(0x00ff)),
  row('4.1, 1.7 [W][H][O]', 0x5d, 3, 'Security Profiles Configured', word(0x00ff), optional),
  row(
    '4.1 [R]',
    0x5d,
    4,
    'Object Authorization',
    list('UINT', record('UDINT class, USINT service, BYTE, DWORD roles', udint(), usint(), byte(0), fixed(4))),
    { optional: true, access: 'set', basis: 'inferred' },
  ),
  ...classAttributes('2.7, 4.1 [R]', 0x5d, [1, 2, 6, 7]),

  // 4.2 EtherNet/IP Security
  row('4.2 [W][H][R]', 0x5e, 1, 'State', usint('0..5', upTo(5))),
  row('4.2 [W][H][R]', 0x5e, 2, 'Capability Flags', dword(0x0000_0001)),
  row('4.2 [W][H][R]', 0x5e, 3, 'Available Cipher Suites', suites),
  row('4.2 [W][H][R]', 0x5e, 4, 'Allowed Cipher Suites', suites, staged),
  row('4.2 [W][H][R][O]', 0x5e, 5, 'Pre-Shared Keys', list('USINT', psk), staged),
  row('4.2 [W][H][R]', 0x5e, 6, 'Active Device Certificates', list('USINT', path(0x5f)), staged),
  row('4.2 [W][H][R]', 0x5e, 7, 'Trusted Authorities', list('USINT', path(0x37, 0x5f)), staged),
  row(
    '4.2 [W][R], before revision 9 [O][H]',
    0x5e,
    8,
    'Certificate Revocation List',
    either(list('USINT', path(0x37)), path(0x37)),
    staged,
  ),
  row('4.2 [O]', 0x5e, 9, 'Verify Client Certificate', bool, staged),
  row('4.2 [O]', 0x5e, 10, 'Send Certificate Chain', bool, staged),
  row('4.2 [O][G17]', 0x5e, 11, 'Check Expiration', bool, staged),
  row('4.2 [W][H][R]', 0x5e, 12, 'Trusted Identities', list('USINT', path(0x37)), staged),
  row('4.2 [O]', 0x5e, 13, 'Pull Model Enable', bool),
  row('4.2 [O][H]', 0x5e, 14, 'Pull Model Status', uint()),
  row('4.2 [H][FTPM]', 0x5e, 15, 'DTLS Timeout', uint('0..3600', upTo(3600)), staged),
  row('4.2 [O]', 0x5e, 16, 'UDP-only Policy', usint(), { optional: true, access: 'configuration' }),
  row('4.2 [W][H][R]', 0x5e, 17, 'Check Subject Alternative Name', bool, staged),
  row('4.2 [R][P317]', 0x5e, 18, 'Available Originator Cipher Suites', suites, optional),
  row('4.2 [R][P317]', 0x5e, 19, 'Allowed Originator Cipher Suites', suites, {
    optional: true,
    access: 'configuration',
  }),
  row('4.2 [P317]', 0x5e, 20, 'I/O Authorization Policy', usint(), {
    optional: true,
    access: 'configuration',
    basis: 'ours',
  }),
  ...classAttributes('2.7, 4.2 [R]', 0x5e, [1, 2, 6, 7]),
  row('4.2 [O][R]', 0x5e, 8, 'Number of PSKs supported', uint(), { ...ofClass, optional: true }),
  row('4.2 [O][R]', 0x5e, 9, 'PSK usages supported', byte(0x07), { ...ofClass, optional: true }),

  // 4.3 Certificate Management
  row('4.3 [H]', 0x5f, 1, 'Name', shortString(32)),
  row('4.3 [W][H]', 0x5f, 2, 'State', usint('0..4', upTo(4))),
  row('4.3 [W][R]', 0x5f, 3, 'Device Certificate', certificateReference),
  row('4.3 [W][R]', 0x5f, 4, 'CA Certificate', certificateReference),
  row('4.3 [W][R]', 0x5f, 5, 'Certificate Encoding', usint('0..1', upTo(1))),
  ...classAttributes('2.7, 4.3 [W][R]', 0x5f, [1, 2, 6, 7]),
  row('4.3 [W][O][H]', 0x5f, 8, 'Capability Flags', dword(0x03), ofClass),
  row(
    '4.3 [W][O][H]',
    0x5f,
    9,
    'Certificate List',
    list('USINT', record('SHORT_STRING name, EPATH', shortString(), path(0x5f))),
    ofClass,
  ),
  row('4.3 [W][O][H]', 0x5f, 10, 'Certificate Encodings Flag', dword(0x03), ofClass),

  // 4.4 File: the instance that holds the default device certificate
  row('4.4 [H][OF]', 0x37, 1, 'State', usint('0..7', upTo(7))),
  row('4.4', 0x37, 2, 'Instance Name', stringI),
  row(
    '4.4',
    0x37,
    3,
    'File Format Version',
    uint('1', (value) => value === 1),
  ),
  row('4.4', 0x37, 4, 'File Name', stringI),
  row('4.4', 0x37, 5, 'File Revision', record('USINT major, USINT minor', usint(), usint())),
  row('4.4', 0x37, 6, 'File Size', udint()),
  row('4.4', 0x37, 7, 'File Checksum', uint()),
  row(
    '4.4',
    0x37,
    8,
    'Invocation Method',
    usint('0..4 or 255', (value) => value <= 4 || value === 255),
  ),
  row('4.4', 0x37, 9, 'File Save Parameters', byte(0x1f)),
  row('4.4', 0x37, 10, 'File Access Rule', usint('0..1', upTo(1))),
  row(
    '4.4',
    0x37,
    11,
    'File Encoding Format',
    usint('0..5, 11..14 or 255', (value) => value <= 5 || (value >= 11 && value <= 14) || value === 255),
  ),
  row('4.4', 0x37, 12, 'Transfer Session Timeout', usint(), { optional: true, access: 'set' }),
  row(
    '4.4 [W][R]',
    0x37,
    32,
    'Directory',
    toEnd(record('UINT instance, STRINGI, STRINGI', uint(), stringI, stringI)),
    ofClass,
  ),
  ...classAttributes('2.7, 4.4 [W][R]', 0x37, [1, 2]),

  // 4.6 Ingress Egress
  row('4.6 [W][R]', 0x63, 1, 'Ingress Rules', list('UINT', shortString())),
  row('4.6 [W][R]', 0x63, 2, 'Egress Rules', list('UINT', shortString())),
  ...classAttributes('2.7, 4.6 [W][R]', 0x63, [1, 2, 3, 6, 7]),
  row('4.6 [W][R]', 0x63, 8, 'Ingress Rules TCP Ports Supported', list('UINT', portRange), ofClass),
  row('4.6 [W][R]', 0x63, 9, 'Ingress Rules UDP Ports Supported', list('UINT', portRange), ofClass),
  row('4.6 [W][R]', 0x63, 10, 'Max Buffer Size for Rules', udint(), ofClass),
  row('4.6 [W][R]', 0x63, 11, 'Rules Change Count', udint(), ofClass),

  // 4.8 TCP/IP Interface
  row('4.8 [W][R][OI 235]', 0xf5, 1, 'Status', dword(0x0000_03ff)),
  row('4.8 [W][R][OI 235]', 0xf5, 2, 'Configuration Capability', dword(0x0000_00ff)),
  row('4.8 [W][R][OI 235]', 0xf5, 3, 'Configuration Control', dword(0x0000_001f), { access: 'set' }),
  row('4.8, 2.2 [W][R]', 0xf5, 4, 'Physical Link Object', {
    words: 'UINT words + EPATH',
    read: (r) => {
      r.take(r.u16() * 2)
      return undefined
    },
  }),
  row(
    '4.8 [W][R]',
    0xf5,
    5,
    'Interface Configuration',
    record('5 x UDINT, STRING padded', udint(), udint(), udint(), udint(), udint(), paddedText),
    { access: 'set' },
  ),
  row('4.8 [W][R]', 0xf5, 6, 'Host Name', paddedText, { access: 'set' }),
  row(
    '4.8 [W][R]',
    0xf5,
    8,
    'TTL',
    usint('1..255', (value) => value > 0),
    { optional: true, access: 'set' },
  ),
  row(
    '4.8 [W][R]',
    0xf5,
    9,
    'Mcast Config',
    record('USINT, USINT 0, UINT, UDINT', usint(), usint('0', upTo(0)), uint(), udint()),
    {
      optional: true,
      access: 'set',
    },
  ),
  row('4.8 [W][R]', 0xf5, 10, 'Select ACD', bool, { optional: true, access: 'set' }),
  row('4.8 [W][R]', 0xf5, 11, 'Last Conflict', fixed(35), { optional: true, access: 'set' }),
  row('4.8 [W][R]', 0xf5, 12, 'Quick Connect', bool, { optional: true, access: 'set' }),
  row('4.8 [W][R]', 0xf5, 13, 'Encapsulation Inactivity Timeout', uint('0..3600', upTo(3600)), { access: 'set' }),
  row('4.8 [W][R][OI 235]', 0xf5, 14, 'IANA Port Admin', list('USINT', portAdmin), optional),
  row(
    '4.8 [R][P20]',
    0xf5,
    15,
    'IANA Protocol Admin',
    list('USINT', record('SHORT_STRING, USINT, BOOL, BYTE', shortString(), usint(), bool, byte(0x03))),
    { optional: true, basis: 'inferred' },
  ),
  row('4.8 [R]', 0xf5, 16, 'Active TCP Connections', uint(), optional),
  row('4.8 [R]', 0xf5, 17, 'Non-CIP Encapsulation Messages per Second', udint(), optional),
  ...classAttributes('2.7, 4.8 [W][R]', 0xf5, [1, 2, 3]),

  // 4.9 Ethernet Link
  row('4.9 [W]', 0xf6, 1, 'Interface Speed', udint()),
  row('4.9 [W]', 0xf6, 2, 'Interface Flags', dword(0x0000_007f)),
  row('4.9 [W]', 0xf6, 3, 'Physical Address', fixed(6)),
  row('4.9 [W]', 0xf6, 4, 'Interface Counters', fixed(44), optional),
  row('4.9 [W]', 0xf6, 5, 'Media Counters', fixed(48), optional),
  row('4.9 [W]', 0xf6, 7, 'Interface Type', usint(), optional),
  row('4.9 [W]', 0xf6, 8, 'Interface State', usint(), optional),
  row('4.9 [W]', 0xf6, 10, 'Interface Label', shortString(64), optional),

  // 4.10 Port
  row('4.10 [W]', 0xf4, 1, 'Port Type', uint()),
  row('4.10 [W]', 0xf4, 2, 'Port Number', uint()),
  row('4.10 [W]', 0xf4, 4, 'Port Name', shortString(64), optional),
]
