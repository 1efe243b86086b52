export { isKeyName, type KeyStore } from './key-store.ts'
export {
  formatPkcs11Uri,
  type Pkcs11ObjectType,
  type Pkcs11Uri,
  parsePkcs11Uri,
  tokenProblem,
} from './pkcs11-uri.ts'
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
