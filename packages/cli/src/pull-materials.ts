import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TransportError } from '@cordon/core/errors'
import type { Simulation } from '@cordon/core/policy'
import { encodePem } from '@cordon/core/x509'
import { loadStateKey, nodeCrypto } from '@cordon/node/crypto'
import { privateDirectory, writeDurably } from '@cordon/node/files'
import { makePassword, setPerson } from '@cordon/server/enrollment'
import { openVendorPki } from '@cordon/simulator'
import type { Workspace } from './workspace.ts'

/** Where the demonstration of the pull model has its files. */
export interface PullFiles {
  readonly plant: string
  readonly rules: string
}

/** How long everybody gets in under the label of the global grant, milliseconds. */
const grantMs = 3_600_000
const provisioningMs = 24 * 3_600_000

/**
 * Puts the example plant into a directory of its own and adds what an owner would hand out before the devices come: the
 * maker's root, the plant's root, a password, a provisioning certificate, and a global grant that holds for an hour.
 */
export async function preparePull(
  example: string,
  directory: string,
  about: {
    readonly workspace: Workspace
    readonly simulation: Simulation
    readonly state: string
    readonly devices: string
  },
): Promise<PullFiles> {
  const { workspace, simulation, state, devices } = about
  const { store, authority } = workspace
  await rm(directory, { recursive: true, force: true })
  await privateDirectory(directory)
  await cp(example, directory, { recursive: true })
  const issued = join(directory, 'issued')
  const anchors = join(directory, 'anchors')
  for (const folder of [issued, anchors]) await mkdir(folder, { recursive: true, mode: 0o700 })

  await privateDirectory(devices)
  const { key } = await loadStateKey(nodeCrypto, state)
  const { roots } = await openVendorPki(devices, simulation.vendors, key, Date.now())
  await writeDurably(join(anchors, 'acme.pem'), roots.map((root) => encodePem('CERTIFICATE', root)).join(''), 0o644)
  await writeDurably(join(issued, 'root.pem'), encodePem('CERTIFICATE', await authority.root()), 0o644)

  const password = makePassword()
  await setPerson(store, 'account', 'line-crew', password, 'demonstration')
  await writeDurably(join(issued, 'line-crew'), `${password}\n`)

  const card = await authority.issueProvisioning({ name: 'labeler', validityMs: provisioningMs })
  const pkcs8 = card.key?.export()
  if (pkcs8 === undefined) throw new TransportError('io', 'the authority made no key for the provisioning certificate')
  const chain = [card.certificate, ...card.chain].map((der) => encodePem('CERTIFICATE', der)).join('')
  await writeDurably(join(issued, 'labeler.pem'), chain)
  await writeDurably(join(issued, 'labeler.key'), encodePem('PRIVATE KEY', pkcs8))
  const provisioning = encodePem('CERTIFICATE', await authority.provisioningAnchor())
  await writeDurably(join(anchors, 'provisioning.pem'), provisioning, 0o644)

  const rules = join(directory, 'enrollment.yaml')
  await writeDurably(rules, withGrant(await readFile(rules, 'utf8'), Date.now()))
  return { plant: join(directory, 'plant.yaml'), rules }
}

/** The rules with a global grant that begins now. */
function withGrant(rules: string, now: number): string {
  const time = (at: number) => `${new Date(at).toISOString().slice(0, 19)}Z`
  // A minute earlier, so that a rounded second does not lie ahead.
  return rules
    .replace(/from: [0-9TZ:-]+/, `from: ${time(now - 60_000)}`)
    .replace(/until: [0-9TZ:-]+/, `until: ${time(now + grantMs)}`)
}
