import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type EnrollmentPolicy,
  listsOf,
  parseEnrollmentPolicy,
  parseSerialList,
  type ProvisioningDefinition,
  type SerialList,
  type Vendor,
} from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import type { ParseProblem, SourceMap } from '@cordon/core/policy'
import { decodeCertificate, decodePem, decodeRevocationList, type PemLabel } from '@cordon/core/x509'

/**
 * The enrollment file and what it names beside it: CA certificates in `anchors/`, inventories in `lists/`, revocation
 * lists in `revocation/`.
 * @module
 */

/** An authority of provisioning certificates, its anchors and lists at hand. */
export interface ProvisioningAuthority extends Pick<ProvisioningDefinition, 'name' | 'use'> {
  /** DER. */
  readonly anchors: readonly Uint8Array[]
  /** DER. */
  readonly revocationLists: readonly Uint8Array[]
}

/** Rules with everything that they name. */
export interface EnrollmentFiles {
  readonly policy: EnrollmentPolicy
  readonly vendors: readonly Vendor[]
  readonly provisioning: readonly ProvisioningAuthority[]
  readonly lists: ReadonlyMap<string, SerialList>
}

/** What was read of files, or everything that is wrong with them. */
export type EnrollmentFilesResult =
  | { readonly files: EnrollmentFiles; readonly problems: readonly [] }
  | { readonly files: undefined; readonly problems: readonly ParseProblem[] }

/** Larger files are not read: an inventory of 100,000 lines has less. */
const largestFile = 8 * 1024 * 1024
const mostFiles = 1000
/** What may follow the name of a certificate. */
const suffixes = ['', '.pem', '.crt', '.cer', '.der']

/**
 * Reads an enrollment file and what it names beside it. Never throws for what the files hold, or for files that cannot
 * be read: these are problems, each with its place, what was expected and what to do.
 * @param zones that the plant has; others are problems. Undefined: not checked.
 */
export async function loadEnrollmentFiles(path: string, zones?: readonly string[]): Promise<EnrollmentFilesResult> {
  const reader = new FileReader(path)
  const files = await reader.read(zones)
  return files === undefined || reader.problems.length > 0
    ? { files: undefined, problems: reader.problems }
    : { files, problems: [] }
}

/**
 * What tells one state of these files from another: names, sizes and times. A file that cannot be looked at counts as
 * absent.
 */
export async function stampOf(path: string): Promise<string> {
  const parts: string[] = [await stampOfOne(path)]
  for (const folder of ['anchors', 'lists', 'revocation']) {
    const directory = join(dirname(path), folder)
    for (const name of await namesIn(directory)) parts.push(`${name} ${await stampOfOne(join(directory, name))}`)
  }
  return parts.join('\n')
}

async function stampOfOne(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined)
  return facts === undefined ? 'absent' : `${facts.ino} ${facts.size} ${facts.mtimeNs}`
}

/** Files of a directory in order; none where there is no directory. */
async function namesIn(directory: string): Promise<readonly string[]> {
  const entries: readonly Dirent[] = await readdir(directory, { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort()
    .slice(0, mostFiles)
}

class FileReader {
  readonly problems: ParseProblem[] = []
  readonly #path: string
  readonly #directory: string
  readonly #anchors = new Map<string, Promise<readonly Uint8Array[] | undefined>>()

  constructor(path: string) {
    this.#path = path
    this.#directory = dirname(path)
  }

  async read(zones: readonly string[] | undefined): Promise<EnrollmentFiles | undefined> {
    const text = await this.#text(this.#path)
    if (text === undefined) return undefined
    const { policy, problems, positions } = parseEnrollmentPolicy(text, this.#path)
    this.problems.push(...problems)
    if (policy === undefined) return undefined
    if (zones !== undefined) this.#checkZones(policy, zones, positions)
    const revocationLists = await this.#revocationLists()
    const vendors: Vendor[] = []
    for (const { anchors, ...vendor } of policy.vendors.values()) {
      const found = await this.#anchorsOf(`vendors.${vendor.name}`, anchors, positions)
      vendors.push({ ...vendor, anchors: found, revocationLists })
    }
    const provisioning: ProvisioningAuthority[] = []
    for (const { anchors, ...authority } of policy.provisioning.values()) {
      const found = await this.#anchorsOf(`provisioning.${authority.name}`, anchors, positions)
      provisioning.push({ ...authority, anchors: found, revocationLists })
    }
    return { policy, vendors, provisioning, lists: await this.#lists(policy) }
  }

  #checkZones(policy: EnrollmentPolicy, zones: readonly string[], positions: SourceMap): void {
    for (const [label, zone] of policy.unlisted) {
      if (zones.includes(zone)) continue
      const at = positions.at(`unlisted.${label ?? 'default'}`)
      this.#problem(
        this.#path,
        at,
        `there is no zone ${zone}`,
        `one of ${zones.join(', ')}`,
        'name a zone of the plant',
      )
    }
  }

  async #anchorsOf(path: string, names: readonly string[], positions: SourceMap): Promise<readonly Uint8Array[]> {
    const all: Uint8Array[] = []
    for (const [index, name] of names.entries()) {
      let found = this.#anchors.get(name)
      if (found === undefined) {
        found = this.#anchor(name)
        this.#anchors.set(name, found)
      }
      const certificates = await found
      if (certificates !== undefined) all.push(...certificates)
      else {
        const at = positions.at(`${path}.anchors[${index}]`)
        const expected = `a file ${join(this.#directory, 'anchors', name)}, or with .pem, .crt, .cer or .der`
        this.#problem(this.#path, at, `there is no certificate ${name}`, expected, 'put the CA certificate there')
      }
    }
    return all
  }

  /** Undefined: there is no such file. */
  async #anchor(name: string): Promise<readonly Uint8Array[] | undefined> {
    const directory = join(this.#directory, 'anchors')
    const names = await namesIn(directory)
    const file = suffixes.map((suffix) => name + suffix).find((each) => names.includes(each))
    if (file === undefined) return undefined
    return await this.#blocks(join(directory, file), 'CERTIFICATE', 'CA certificates', (der) => {
      const { extensions, version } = decodeCertificate(der)
      // Version 1 has no extensions: what a file of anchors says of it is all there is.
      if (version === 3 && extensions.basicConstraints?.ca !== true) {
        throw new MalformedMessage('unknown-value', 'it is no CA certificate')
      }
    })
  }

  async #revocationLists(): Promise<readonly Uint8Array[]> {
    const directory = join(this.#directory, 'revocation')
    const all: Uint8Array[] = []
    for (const name of await namesIn(directory)) {
      all.push(...(await this.#blocks(join(directory, name), 'X509 CRL', 'revocation lists', decodeRevocationList)))
    }
    return all
  }

  /** The DER of everything in a file, PEM or DER, each judged by `check`. */
  async #blocks(
    file: string,
    label: PemLabel,
    what: string,
    check: (der: Uint8Array) => unknown,
  ): Promise<readonly Uint8Array[]> {
    const bytes = await this.#bytes(file)
    if (bytes === undefined) return []
    try {
      const found =
        bytes[0] === 0x30
          ? [bytes]
          : decodePem(Buffer.from(bytes).toString('latin1')).flatMap((block) =>
              block.label === label ? [block.bytes] : [],
            )
      if (found.length === 0) throw new MalformedMessage('unknown-value', `there is no PEM block ${label}`)
      for (const der of found) check(der)
      return found
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      this.#problem(file, { line: 1, column: 1 }, error.message, `${what}, PEM or DER`, 'replace the file')
      return []
    }
  }

  async #lists(policy: EnrollmentPolicy): Promise<ReadonlyMap<string, SerialList>> {
    const lists = new Map<string, SerialList>()
    for (const name of listsOf(policy)) {
      const file = join(this.#directory, 'lists', `${name}.csv`)
      const text = await this.#text(file)
      if (text === undefined) continue
      const { list, problems } = parseSerialList(text, file)
      this.problems.push(...problems)
      if (list !== undefined) lists.set(name, list)
    }
    return lists
  }

  async #text(file: string): Promise<string | undefined> {
    const bytes = await this.#bytes(file)
    return bytes && Buffer.from(bytes).toString('utf8')
  }

  async #bytes(file: string): Promise<Uint8Array | undefined> {
    try {
      const { size } = await stat(file)
      if (size <= largestFile) return new Uint8Array(await readFile(file))
      this.#problem(file, { line: 1, column: 1 }, `the file has ${size} bytes`, `at most ${largestFile}`, 'split it')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const remedy = 'put the file there, readable for this program'
      this.#problem(file, { line: 1, column: 1 }, `it cannot be read: ${reason}`, 'a file', remedy)
    }
    return undefined
  }

  #problem(
    file: string,
    at: { readonly line: number; readonly column: number },
    message: string,
    expected: string,
    remedy: string,
  ): void {
    this.problems.push({ file, line: at.line, column: at.column, path: '', message, expected, remedy })
  }
}
