/** Carriers of EtherNet/IP bytes: TCP, TLS, UDP and DTLS on real sockets, and pairs in memory. */
export { Cable } from './cable.ts'
export { type ContextSettings, type Credentials, makeContext, type Psk, usableSuites } from './credentials.ts'
export { connectDtls, type DtlsListener, type ListenDtlsOptions, listenDtls } from './dtls.ts'
export { type KeyLog, keyLogFile, keyLogWarning } from './key-log.ts'
export { memoryPair } from './memory.ts'
export { SecureTransport, secureClient } from './secure.ts'
export { connectTcp, type ListenOptions, listenTcp } from './tcp.ts'
export { type ConnectSecureOptions, connectTls, type ListenTlsOptions, listenTls } from './tls.ts'
export {
  type ConnectOptions,
  type Endpoint,
  formatEndpoint,
  type Transport,
  type TransportHandlers,
  type TransportKind,
  type TransportLimits,
  type TransportListener,
  type TransportSecurity,
} from './transport.ts'
export { bindUdp, connectUdp, type DatagramHandler, type UdpSocket } from './udp.ts'
