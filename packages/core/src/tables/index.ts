/** Live tables of a device: rows of its pages and of their JSON. */
export { decodeTable, tableName } from './decode.ts'
export {
  type JoinedConnection,
  joinConnections,
  type ReadTables,
} from './join.ts'
export {
  type BridgeDirection,
  type BridgeEnd,
  type BridgeRow,
  type CertificateRow,
  type Confidentiality,
  type IdentityTable,
  type LocalSide,
  type PortRow,
  type RefusalRow,
  type SecuredRow,
  type SecurityTable,
  type SuiteRow,
  type TableDocument,
  type TableName,
  type Tables,
  type TcpRow,
  type TcpState,
  tableNames,
} from './tables.ts'
