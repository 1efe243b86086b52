import { readFileSync } from 'node:fs'

/** `cordon 0.1.0 (Node 20.20.2, OpenSSL 3.0.19)`: the OpenSSL is the one inside the running Node. */
export function versionText(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  // Our own package.json.
  const { version } = JSON.parse(text) as { version: string }
  return `cordon ${version} (Node ${process.versions.node}, OpenSSL ${process.versions.openssl})`
}
