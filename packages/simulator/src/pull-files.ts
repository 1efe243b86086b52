import type { PrivateKey } from '@cordon/core/crypto'
import type { PullTrust } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import type { SimulatedPull } from '@cordon/core/policy'
import { decodeCertificate, decodePem } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import type { ClientCredential } from '@cordon/node/est'
import { readIfExists } from '@cordon/node/files'
import { resolve } from 'node:path'

/** What the files beside a simulation file give a unit that pulls. */
export interface PullMaterials {
  readonly trust: PullTrust
  readonly basic: { readonly name: string; readonly password: string } | undefined
  /** Shown instead of the default certificate. */
  readonly credential: ClientCredential | undefined
}

/** Longest file that is read, bytes. */
const longestFile = 256 * 1024

/**
 * Reads what a unit's `pull` names, relative to `base`.
 * @throws UsageError `missing` for a file that is not there, `bad-value` for one that is not what it should be
 */
export async function readPullFiles(device: string, pull: SimulatedPull, base: string): Promise<PullMaterials> {
  const read = (file: string, what: string) => readText(resolve(base, file), `device ${device}, pull: ${what}`)
  const { trust, basic, certificate } = pull
  return {
    trust:
      trust.kind === 'anchors'
        ? { kind: 'anchors', anchors: certificatesOf(await read(trust.file, 'anchors'), trust.file) }
        : trust,
    basic:
      basic === undefined
        ? undefined
        : { name: basic.user, password: (await read(basic.passwordFile, 'passwordFile')).replace(/\r?\n$/, '') },
    credential:
      certificate === undefined
        ? undefined
        : credentialOf(await read(certificate.chain, 'chain'), await read(certificate.key, 'key'), certificate),
  }
}

async function readText(path: string, what: string): Promise<string> {
  const bytes = await readIfExists(path)
  if (bytes === undefined) throw new UsageError('missing', `${what}: there is no file ${path}`)
  if (bytes.length > longestFile) {
    throw new UsageError('bad-value', `${what}: ${path} has ${bytes.length} bytes, expected at most ${longestFile}`)
  }
  return new TextDecoder().decode(bytes)
}

function certificatesOf(text: string, file: string): readonly Uint8Array[] {
  const found = blocks(text, 'CERTIFICATE', file)
  return found.map((der) => decodeCertificate(der).der)
}

function credentialOf(
  chainText: string,
  keyText: string,
  files: { readonly chain: string; readonly key: string },
): ClientCredential {
  const chain = certificatesOf(chainText, files.chain)
  const [pkcs8] = blocks(keyText, 'PRIVATE KEY', files.key)
  const [leaf] = chain
  if (leaf === undefined || pkcs8 === undefined) throw notA('PRIVATE KEY', files.key)
  const key: PrivateKey = nodeCrypto.importKey(pkcs8)
  if (nodeCrypto.equal(key.publicKey, decodeCertificate(leaf).publicKey)) return { chain, key: pkcs8 }
  throw new UsageError('bad-value', `${files.key}: expected the key of the certificate in ${files.chain}`)
}

function blocks(text: string, label: string, file: string): readonly Uint8Array[] {
  const found = decodePem(text).filter((block) => block.label === label)
  if (found.length === 0) throw notA(label, file)
  return found.map(({ bytes }) => bytes)
}

function notA(label: string, file: string): UsageError {
  return new UsageError('bad-value', `${file}: expected PEM text with "BEGIN ${label}"`)
}
