import type {
  BridgeEnd,
  BridgeRow,
  CertificateRow,
  Confidentiality,
  PortRow,
  RefusalRow,
  SecuredRow,
  SuiteRow,
  TableName,
  Tables,
  TcpRow,
} from '@cordon/core/tables'
import { badge, type Html, type HtmlColumn, html, htmlPairs, htmlTable } from './html.ts'

/** The pages by the table they show. */
export const pageTitles: Readonly<Record<TableName, string>> = {
  identity: 'Home',
  tcp: 'TCP Connections',
  tls: 'TLS Connections',
  dtls: 'DTLS Connections',
  bridge: 'Bridge Connections',
  security: 'Security',
}

/** A table as HTML. */
export const views: { readonly [Name in TableName]: (table: Tables[Name]) => Html } = {
  identity: (table) =>
    htmlPairs('Identity', [
      ['Product name', table.productName],
      ['Vendor', table.vendorId],
      ['Device type', table.deviceType],
      ['Product code', table.productCode],
      ['Revision', table.revision],
      ['Serial number', `0x${table.serialNumber.toString(16).padStart(8, '0')}`],
      ['Slot', table.slot ?? 'none'],
      ['CIP Security', table.cipSecurity ? 'yes' : 'no'],
    ]),
  tcp: (rows) => htmlTable('TCP connections', tcpColumns, rows),
  tls: (rows) => htmlTable('TLS connections', securedColumns, rows),
  dtls: (rows) => htmlTable('DTLS connections', securedColumns, rows),
  bridge: (rows) => htmlTable('Bridge connections', bridgeColumns, rows),
  security: (table) =>
    html`${htmlPairs('State', [
      ['CIP Security object (0x5D)', table.capable ? words(table.cipSecurityState) : 'not there'],
      ['EtherNet/IP Security object (0x5E)', table.capable ? words(table.ethernetIpSecurityState) : 'not there'],
      ['Peers must prove who they are', table.verifiesPeers ? 'yes' : 'no'],
      ['Expiry of certificates is checked', table.checksExpiration ? 'yes' : 'no'],
      ['Pre-shared keys', table.preSharedKeys],
      ['Revocation lists', table.revocationLists],
    ])}${htmlTable('Certificates', certificateColumns, table.certificates)}${htmlTable(
      'Allowed cipher suites, in order of preference',
      suiteColumns,
      table.suites,
    )}${htmlTable('Allowed cipher suites where it opens the connection', suiteColumns, table.originatorSuites)}${htmlTable(
      'Ports',
      portColumns,
      table.ports,
    )}${htmlTable('Recent refusals', refusalColumns, table.refusals)}`,
}

/** `configurationInProgress` as people write it. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

const states: Readonly<Record<TcpRow['state'], Parameters<typeof badge>[0]>> = {
  LISTEN: 'quiet',
  SYN_SENT: 'middle',
  ESTABLISHED: 'good',
  CLOSE_WAIT: 'middle',
  TIME_WAIT: 'quiet',
  CLOSED: 'quiet',
}

const tcpColumns: readonly HtmlColumn<TcpRow>[] = [
  { title: 'State', value: ({ state }) => badge(states[state], state) },
  { title: 'Local Address', value: (row) => row.localAddress },
  { title: 'Local Port', kind: 'number', value: (row) => row.localPort },
  { title: 'Remote Address', value: (row) => row.remoteAddress },
  { title: 'Remote Port', kind: 'number', value: (row) => row.remotePort },
  { title: 'Remote Name', value: (row) => row.remoteName },
  { title: 'Connection Side', value: ({ side }) => sideWord(side) },
  { title: 'TLS', value: ({ secured }) => (secured ? 'yes' : '') },
  { title: 'Since (UTC)', value: (row) => when(row.since) },
]

const securedColumns: readonly HtmlColumn<SecuredRow>[] = [
  { title: 'Remote IP', value: (row) => row.remoteAddress },
  { title: 'Remote Name', value: (row) => row.remoteName },
  { title: 'Remote Port', kind: 'number', value: (row) => row.remotePort },
  { title: 'Cipher Suite', value: (row) => html`${row.suiteName}<small class="wide">${row.meaning}</small>` },
  { title: 'Confidentiality', value: (row) => protection(row.confidentiality) },
  { title: 'Connection Side', value: ({ side }) => sideWord(side) },
  { title: 'Local Port', kind: 'number', value: (row) => row.localPort },
  { title: 'Since (UTC)', value: (row) => when(row.since) },
  { title: 'Resumed', value: ({ resumed }) => (resumed ? 'yes' : 'no') },
]

const bridgeColumns: readonly HtmlColumn<BridgeRow>[] = [
  { title: 'Class', kind: 'number', value: (row) => row.class },
  { title: 'State', value: (row) => row.state },
  { title: 'Uptime', value: ({ uptimeS }) => uptime(uptimeS) },
  { title: 'Orig PortId', kind: 'number', value: ({ originator }) => originator.port },
  { title: 'Orig Link Addr', value: ({ originator }) => endOf(originator) },
  { title: 'Targ PortId', kind: 'number', value: ({ target }) => target.port },
  { title: 'Targ Link Addr', value: ({ target }) => endOf(target) },
  { title: 'T-O Mcast', kind: 'number', value: ({ targetToOriginator }) => Number(targetToOriginator.multicast) },
  { title: 'Missed Rx pkts', kind: 'number', value: ({ missed }) => missed },
  { title: 'O-T Size', kind: 'number', value: ({ originatorToTarget }) => originatorToTarget.size },
  { title: 'T-O Size', kind: 'number', value: ({ targetToOriginator }) => targetToOriginator.size },
  { title: 'O-T Type', value: ({ originatorToTarget }) => typeOf(originatorToTarget) },
  { title: 'T-O Type', value: ({ targetToOriginator }) => typeOf(targetToOriginator) },
  { title: 'O-T RPI (ms)', kind: 'number', value: ({ originatorToTarget }) => originatorToTarget.rpiUs / 1000 },
  { title: 'T-O RPI (ms)', kind: 'number', value: ({ targetToOriginator }) => targetToOriginator.rpiUs / 1000 },
  { title: 'Conn Ser#', kind: 'number', value: ({ serial }) => serial },
  { title: 'Confidentiality', value: ({ confidentiality }) => protection(confidentiality) },
]

const certificateColumns: readonly HtmlColumn<CertificateRow>[] = [
  { title: 'Use', value: ({ use }) => use },
  {
    title: 'Certificate',
    value: ({ subject, issuer, serial, fingerprint }) =>
      html`${subject}<small class="wide">issued by ${issuer}</small><small class="wide">serial number <code>${serial}</code></small><small class="wide">SHA-256 <code>${fingerprint}</code></small>`,
  },
  {
    title: 'Valid until (UTC)',
    value: ({ notAfter, expired }) =>
      expired ? html`${when(notAfter)} ${badge('bad', 'expired')}` : (when(notAfter) ?? 'no end'),
  },
]

const suiteColumns: readonly HtmlColumn<SuiteRow>[] = [
  { title: 'Number', value: ({ suite }) => `0x${suite.toString(16).toUpperCase().padStart(4, '0')}` },
  { title: 'Suite', value: ({ suiteName, meaning }) => html`${suiteName}<small class="wide">${meaning}</small>` },
  { title: 'Confidentiality', value: ({ confidentiality }) => protection(confidentiality) },
]

const portColumns: readonly HtmlColumn<PortRow>[] = [
  { title: 'Port', value: ({ protocol, port }) => `${protocol}/${port}` },
  {
    title: 'State',
    value: ({ open, instead }) =>
      open
        ? html`${badge('quiet', 'open')}${instead === undefined ? undefined : html` served at ${instead}`}`
        : badge('good', 'closed'),
  },
]

const refusalColumns: readonly HtmlColumn<RefusalRow>[] = [
  { title: 'Last (UTC)', value: ({ at }) => when(at) },
  { title: 'Peer', value: ({ peer }) => peer },
  { title: 'Name', value: ({ peerName }) => peerName },
  { title: 'Port', kind: 'number', value: ({ port }) => port },
  { title: 'Times', kind: 'number', value: ({ count }) => count },
  { title: 'Reason', value: ({ reason }) => html`<small class="wide">${reason}</small>` },
]

function sideWord(side: 'client' | 'server' | undefined): string {
  if (side === undefined) return ''
  return side === 'client' ? 'Client' : 'Server'
}

function protection(word: Confidentiality): Html {
  return badge(word === 'Encrypted' ? 'good' : word === 'Authenticated' ? 'middle' : 'bad', word)
}

function endOf({ link, name }: BridgeEnd): string | Html {
  return name === undefined ? link : html`${link}<small>${name}</small>`
}

function typeOf({ multicast, variable }: BridgeRow['originatorToTarget']): Html {
  return html`${multicast ? 'Mcast' : 'Pt-Pt'}<small>${variable ? 'variable' : 'fixed'}</small>`
}

/** `00h:30m:28s`, as Figure 4-5 has it. */
function uptime(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 3600))}h:${two(Math.floor(seconds / 60) % 60)}m:${two(seconds % 60)}s`
}

/** Whole seconds of an ISO time. */
function when(iso: string | undefined): string | undefined {
  return iso === undefined ? undefined : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`
}
