import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildRevocationList, encodePem, keyIdentifier } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { loadEnrollmentFiles } from '@cordon/server/enrollment'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Authority, authority, issue } from '../../../core/test/enrollment/world.ts'
import { RuleKeeper } from '../../src/enrollment/rules.ts'

const rules = `version: 1
vendors:
  example: { anchors: [example, second.pem] }
provisioning:
  cards: { anchors: [cards], use: once }
labels:
  default: { allOf: [{ vendorCertificate: {} }, { serialList: { list: units } }] }
  cards: { provisioningCertificate: {} }
unlisted: { cards: green }
`

let directory: string
let maker: Authority
const at = (...parts: string[]) => join(directory, ...parts)

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-enrollment-'))
  maker ??= await authority('maker')
  for (const folder of ['anchors', 'lists', 'revocation']) await mkdir(at(folder))
  const pem = encodePem('CERTIFICATE', maker.certificate.der)
  await writeFile(at('enrollment.yaml'), rules)
  await writeFile(at('anchors', 'example'), pem + pem)
  await writeFile(at('anchors', 'second.pem'), pem)
  await writeFile(at('anchors', 'cards.der'), maker.certificate.der)
  await writeFile(at('lists', 'units.csv'), 'vendor,serial\n1,0x10\n')
  const list = await buildRevocationList(
    {
      issuer: maker.certificate.subject,
      issuerKey: keyIdentifier(nodeCrypto, maker.certificate.publicKey),
      number: 1,
      thisUpdate: Date.UTC(2026, 5, 1),
      nextUpdate: Date.UTC(2026, 6, 1),
      entries: [],
    },
    maker.key,
  )
  await writeFile(at('revocation', 'maker.pem'), encodePem('X509 CRL', list))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

describe('an enrollment file', () => {
  test('is read with all that it names', async () => {
    const { files, problems } = await loadEnrollmentFiles(at('enrollment.yaml'), ['green', 'operations'])
    expect(problems).toEqual([])
    expect(files?.vendors.map(({ anchors, revocationLists }) => [anchors.length, revocationLists.length])).toEqual([
      [3, 1],
    ])
    expect(files?.provisioning).toMatchObject([{ name: 'cards', use: 'once' }])
    expect(files?.lists.get('units')?.entries).toHaveLength(1)
  })

  test('has a problem with place and remedy for each thing that is wrong beside it', async () => {
    await rm(at('anchors', 'second.pem'))
    await rm(at('lists', 'units.csv'))
    const leaf = await issue(maker, maker.certificate.publicKey)
    await writeFile(at('anchors', 'cards.der'), leaf.der)
    await writeFile(at('revocation', 'broken'), 'nothing')
    const { files, problems } = await loadEnrollmentFiles(at('enrollment.yaml'), ['blue'])
    expect(files).toBeUndefined()
    const found = problems
      .map(({ file, line, message }) => `${file.slice(directory.length + 1)}:${line} ${message}`)
      .sort()
    expect(found).toEqual([
      expect.stringMatching(/^anchors\/cards.der:1 it is no CA certificate/),
      'enrollment.yaml:3 there is no certificate second.pem',
      'enrollment.yaml:9 there is no zone green',
      expect.stringMatching(/^lists\/units.csv:1 it cannot be read: ENOENT/),
      expect.stringMatching(/^revocation\/broken:1 there is no PEM block X509 CRL/),
    ])
    for (const { expected, remedy } of problems) expect(expected && remedy).toBeTruthy()
  })

  test('that is not there is a problem, not an exception', async () => {
    const { problems } = await loadEnrollmentFiles(at('nowhere.yaml'))
    expect(problems[0]?.message).toMatch(/cannot be read: ENOENT/)
  })
})

describe('rules in force', () => {
  test('change with their files, and a broken edit changes nothing', async () => {
    const path = at('enrollment.yaml')
    const { files } = await loadEnrollmentFiles(path)
    if (files === undefined) throw new Error('the rules are refused')
    let refused = 0
    const keeper = new RuleKeeper(files, path, ['green'], () => refused++)
    await keeper.look(0)
    await writeFile(path, `${rules}broken`)
    await keeper.look(1000)
    expect([refused, keeper.problems.length]).toEqual([0, 0])
    await keeper.look(3000)
    expect(refused).toBe(1)
    expect(keeper.problems).not.toEqual([])
    expect(keeper.current.labels.has('cards')).toBe(true)
    await writeFile(
      path,
      rules
        .replace('  cards: { provisioningCertificate: {} }', '  card: { provisioningCertificate: {} }')
        .replace('cards: green', 'card: green'),
    )
    await keeper.look(6000)
    expect([keeper.problems.length, keeper.current.labels.has('cards'), keeper.current.labels.has('card')]).toEqual([
      0,
      false,
      true,
    ])
    await writeFile(at('lists', 'units.csv'), 'vendor,serial\n1,0x10\n1,0x11\n')
    await keeper.reload()
    expect(keeper.current.files.lists.get('units')?.entries).toHaveLength(2)
  })
})
