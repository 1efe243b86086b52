import type {
  BridgeEnd,
  BridgeRow,
  CertificateRow,
  PortRow,
  RefusalRow,
  SecuredRow,
  SuiteRow,
  TableName,
  Tables,
  TcpRow,
} from '@cordon/core/tables'
import { type Column, type Output, pairs, table } from './output.ts'

const titles: Readonly<Record<TableName, string>> = {
  identity: 'Identity',
  tcp: 'TCP connections',
  tls: 'TLS connections',
  dtls: 'DTLS connections',
  bridge: 'Bridge connections',
  security: 'Security',
}

/** Some tables of a device for people, each under its title. */
export function deviceTablesText(output: Output, tables: Partial<Tables>): string {
  const { identity, tcp, tls, dtls, bridge, security } = tables
  const parts: readonly (readonly [TableName, string | undefined])[] = [
    ['identity', identity && identityText(output, identity)],
    ['tcp', tcp && table(output, tcp, tcpColumns(output))],
    ['tls', tls && table(output, tls, securedColumns(output))],
    ['dtls', dtls && table(output, dtls, securedColumns(output))],
    ['bridge', bridge && table(output, bridge, bridgeColumns(output))],
    ['security', security && securityText(output, security)],
  ]
  return parts
    .flatMap(([name, text]) => (text === undefined ? [] : [`${output.strong(titles[name])}\n${text}`]))
    .join('\n\n')
}

function identityText(output: Output, identity: Tables['identity']): string {
  return pairs(output, [
    ['name', identity.name],
    ['product', identity.productName],
    ['vendor', String(identity.vendorId)],
    ['device type', String(identity.deviceType)],
    ['product code', String(identity.productCode)],
    ['revision', identity.revision],
    ['serial number', `0x${identity.serialNumber.toString(16).padStart(8, '0')}`],
    ['slot', identity.slot === undefined ? 'none' : String(identity.slot)],
    ['CIP Security', identity.cipSecurity ? 'yes' : 'no'],
  ])
}

function tcpColumns(output: Output): readonly Column<TcpRow>[] {
  return [
    { title: 'state', value: ({ state }) => output.state(state === 'ESTABLISHED' ? 'good' : 'neutral', state) },
    { title: 'local', value: (row) => `${row.localAddress}:${row.localPort}` },
    { title: 'remote', value: (row) => (row.side === undefined ? '' : `${row.remoteAddress}:${row.remotePort}`) },
    { title: 'name', value: ({ remoteName }) => remoteName ?? '', rank: 1 },
    { title: 'side', value: ({ side }) => side ?? '', rank: 2 },
    { title: 'TLS', value: ({ secured }) => (secured ? 'yes' : ''), rank: 2 },
    { title: 'since', value: ({ since }) => since?.slice(0, 19) ?? '', rank: 3 },
  ]
}

function protection(output: Output, word: SuiteRow['confidentiality']): string {
  return output.state(word === 'None' ? 'neutral' : 'good', word)
}

function securedColumns(output: Output): readonly Column<SecuredRow>[] {
  return [
    { title: 'remote', value: (row) => `${row.remoteAddress}:${row.remotePort}` },
    { title: 'name', value: ({ remoteName }) => remoteName ?? '', rank: 1 },
    { title: 'protection', value: (row) => protection(output, row.confidentiality) },
    { title: 'side', value: ({ side }) => side },
    { title: 'suite', value: ({ suiteName }) => suiteName },
    { title: 'local port', value: ({ localPort }) => String(localPort), rank: 2 },
    { title: 'since', value: ({ since }) => since.slice(0, 19), rank: 2 },
    { title: 'resumed', value: ({ resumed }) => (resumed ? 'yes' : 'no'), rank: 2 },
    { title: 'meaning', value: ({ meaning }) => meaning, rank: 3 },
  ]
}

function endText({ port, link, name }: BridgeEnd): string {
  return `${port}, ${link}${name === undefined ? '' : ` ${name}`}`
}

function bridgeColumns(output: Output): readonly Column<BridgeRow>[] {
  return [
    { title: 'class', value: (row) => String(row.class) },
    { title: 'originator', value: ({ originator }) => endText(originator) },
    { title: 'target', value: ({ target }) => endText(target) },
    { title: 'confidentiality', value: (row) => protection(output, row.confidentiality) },
    { title: 'serial', value: ({ serial }) => String(serial) },
    { title: 'up', value: ({ uptimeS }) => `${uptimeS} s`, rank: 1 },
    {
      title: 'sizes',
      value: ({ originatorToTarget, targetToOriginator }) => `${originatorToTarget.size}/${targetToOriginator.size}`,
      rank: 1,
    },
    { title: 'RPI', value: ({ originatorToTarget }) => `${originatorToTarget.rpiUs / 1000} ms`, rank: 1 },
    { title: 'missed', value: ({ missed }) => String(missed), rank: 2 },
    {
      title: 'T-O multicast',
      value: ({ targetToOriginator }) => (targetToOriginator.multicast ? 'yes' : 'no'),
      rank: 3,
    },
  ]
}

function securityText(output: Output, security: Tables['security']): string {
  const state = pairs(output, [
    ['CIP Security', security.capable ? 'yes' : 'no'],
    ['0x5D', security.cipSecurityState],
    ['0x5E', security.ethernetIpSecurityState],
    ['verifies peers', security.verifiesPeers ? 'yes' : 'no'],
    ['pre-shared keys', String(security.preSharedKeys)],
    ['suites', security.suites.map(({ suiteName }) => suiteName).join(', ')],
    ['ports', security.ports.map(portText).join(', ')],
  ])
  return [
    state,
    table(output, security.certificates, certificateColumns, 'no certificates'),
    table(output, security.refusals, refusalColumns, 'nobody was refused'),
  ].join('\n\n')
}

function portText({ protocol, port, open, instead }: PortRow): string {
  return `${protocol}/${port} ${open ? 'open' : 'closed'}${instead === undefined ? '' : ` at ${instead}`}`
}

const certificateColumns: readonly Column<CertificateRow>[] = [
  { title: 'use', value: ({ use }) => use },
  { title: 'subject', value: ({ subject }) => subject },
  {
    title: 'until',
    value: ({ notAfter, expired }) => `${notAfter?.slice(0, 10) ?? 'no end'}${expired ? ' expired' : ''}`,
  },
  { title: 'SHA-256', value: ({ fingerprint }) => fingerprint },
]

const refusalColumns: readonly Column<RefusalRow>[] = [
  { title: 'last', value: ({ at }) => at.slice(0, 19) },
  { title: 'peer', value: ({ peer, peerName }) => (peerName === undefined ? peer : `${peerName} (${peer})`) },
  { title: 'port', value: ({ port }) => String(port) },
  { title: 'times', value: ({ count }) => String(count) },
  { title: 'reason', value: ({ reason }) => reason },
]
