/** Live tables of a device: rows of its pages and of their JSON. */
export type { BridgeDirection, BridgeRow, Confidentiality, LocalSide, SecuredRow, TcpRow } from './tables.ts'
