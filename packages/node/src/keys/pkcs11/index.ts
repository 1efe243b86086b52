/**
 * Keys in hardware, through PKCS#11: signing in a process of its own, and a card as the credential of a TLS client.
 * @module
 */
export { type CardConnectionOptions, cardConnection } from './card-connection.ts'
export { type AuthorityHardware, authorityHardware, generatePkcs11Key, pkcs11Key, sharedSigners } from './key.ts'
export { type SignerOptions, Signers } from './signer.ts'
export { Pkcs11KeyStore, type Pkcs11KeyStoreOptions } from './store.ts'
