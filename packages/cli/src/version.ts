import { readFileSync } from 'node:fs'

/** The version of Cordon, such as `0.1.0`. */
export function productVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  // Our own package.json.
  return (JSON.parse(text) as { version: string }).version
}

/** `cordon 0.1.0 (Node 20.20.2, OpenSSL 3.0.19)`: the OpenSSL is the one inside the running Node. */
export function versionText(): string {
  return `cordon ${productVersion()} (Node ${process.versions.node}, OpenSSL ${process.versions.openssl})`
}
