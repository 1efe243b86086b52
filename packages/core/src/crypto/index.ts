export { isKeyName, type KeyStore } from './key-store.ts'
export {
  type ChainRequest,
  type ChainVerdict,
  type Crypto,
  type DigestAlgorithm,
  type KeyKind,
  keyKinds,
  type PrivateKey,
  type RevocationCheck,
} from './provider.ts'
