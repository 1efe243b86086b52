import type { SimulatedDevice } from '@cordon/core/policy'

/**
 * The electronic data sheet of a virtual device (Volume 1, chapter 7), served as File instance 0xC8: who it is and the
 * capacity it states and keeps.
 */
export function electronicDataSheet(device: SimulatedDevice): Uint8Array {
  const { identity, capacity } = device
  const lines = [
    '$ Electronic data sheet of a virtual device',
    '[File]',
    `        DescText = "${identity.name}";`,
    '        Revision = 1.1;',
    '[Device]',
    `        VendCode = ${identity.vendor};`,
    `        ProdType = ${identity.type};`,
    `        ProdCode = ${identity.product};`,
    `        MajRev = ${identity.major};`,
    `        MinRev = ${identity.minor};`,
    `        ProdName = "${identity.name}";`,
    '[Capacity]',
    `        MaxMsgConnections = ${capacity.sessions};`,
    `        MaxIOConnections = ${capacity.connections};`,
    `        TSpec1 = TxRx, ${511}, ${Math.floor(1_000_000 / capacity.minimumRpiUs)};`,
    '[Object_Ethernet_Link]',
    `        Max_TLS_Sessions = ${capacity.tls};`,
    `        Max_DTLS_Associations = ${capacity.dtls};`,
  ]
  return new TextEncoder().encode(`${lines.join('\r\n')}\r\n`)
}
