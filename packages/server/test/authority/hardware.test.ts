import type { AuthorityPlan } from '@cordon/core/authority'
import {
  buildRequest,
  decodeCertificate,
  decodeRevocationList,
  encodeCertsOnly,
  encodePem,
  parseName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { authorityHardware, Signers } from '@cordon/node/pkcs11'
import { openAuthority, restoreAuthority, type StoreAuthority } from '@cordon/server/authority'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasOpenssl, OpensslDirectory } from '../../../core/test/x509/openssl.ts'
import { makeSoftToken, noSoftToken } from '../../../node/test/keys/pkcs11/soft-token.ts'
import { TemporaryState } from '../store/support.ts'

if (noSoftToken !== false) console.warn(`an authority in hardware is not tested: ${noSoftToken}`)

const day = 86_400_000
const start = Date.UTC(2026, 5, 1, 12)
const device = { device: 'press', zone: 'green', addresses: ['127.75.0.9'] }

/** Where an authority's keys lie, and what the place needs. */
interface Place extends AsyncDisposable {
  readonly plan: AuthorityPlan
  readonly open: (store: Store, now: () => number) => StoreAuthority
}

const plan: AuthorityPlan = { name: 'cpwe', key: 'ecdsa-p256', subject: { country: 'US' }, zones: ['green'] }

const sealed = (): Place => ({
  plan,
  open: (store, now) => openAuthority(store, { now }),
  [Symbol.asyncDispose]: async () => {},
})

function inToken(): Place {
  const token = makeSoftToken()
  const signers = new Signers()
  return {
    plan: { ...plan, hardware: token.uri },
    open: (store, now) => openAuthority(store, { now, ...authorityHardware(signers) }),
    [Symbol.asyncDispose]: async () => {
      await signers[Symbol.asyncDispose]()
      token.remove()
    },
  }
}

describeAuthority('sealed in the store', sealed)
if (noSoftToken === false) describeAuthority('in SoftHSM', inToken)

/** What an authority does, wherever its keys lie. */
function describeAuthority(where: string, make: () => Place): void {
  describe.skipIf(!hasOpenssl)(`an authority with its keys ${where}`, () => {
    let keys: Place
    let state: TemporaryState
    let store: Store
    let authority: StoreAuthority
    let now = start

    beforeAll(async () => {
      keys = make()
      state = new TemporaryState()
      store = await state.open()
      authority = keys.open(store, () => now)
      await authority.initialize(keys.plan)
    }, 180_000)
    afterAll(async () => {
      await store[Symbol.asyncDispose]()
      await state[Symbol.asyncDispose]()
      await keys[Symbol.asyncDispose]()
    })

    const issue = async (more: object = {}) => {
      const key = await nodeCrypto.generateKey('ecdsa-p256')
      return await authority.issueDevice({
        ...device,
        csr: await buildRequest(key, { subject: parseName('CN=x') }),
        ...more,
      })
    }

    async function writeChain(openssl: OpensslDirectory): Promise<void> {
      const anchors = await authority.anchors('green')
      openssl.write('root.pem', encodePem('CERTIFICATE', await authority.root()))
      openssl.write('issuing.pem', anchors.map((der) => encodePem('CERTIFICATE', der)).join(''))
    }

    const at = () => ['-attime', String(Math.floor(now / 1000))]

    test('issues what openssl accepts up to the root', async () => {
      const issued = await issue()
      using openssl = new OpensslDirectory()
      await writeChain(openssl)
      openssl.write('leaf.pem', encodePem('CERTIFICATE', issued.certificate))
      const verdict = openssl.run(
        'verify',
        ...at(),
        '-x509_strict',
        '-CAfile',
        'root.pem',
        '-untrusted',
        'issuing.pem',
        'leaf.pem',
      )
      expect(verdict).toContain('leaf.pem: OK')
    })

    test('hands out certs-only messages that openssl reads', async () => {
      const issued = await issue({ device: 'saw', addresses: ['127.75.0.10'] })
      using openssl = new OpensslDirectory()
      openssl.write('answer.p7', encodeCertsOnly([issued.certificate, ...issued.chain]))
      const listing = openssl.run('pkcs7', '-inform', 'DER', '-in', 'answer.p7', '-print_certs', '-noout')
      expect(listing.match(/^subject=/gm)).toHaveLength(1 + issued.chain.length)
    })

    test('revokes, in a list that openssl accepts and heeds', async () => {
      const issued = await issue({ device: 'drill', addresses: ['127.75.0.11'] })
      await authority.revoke(issued.serial, 'keyCompromise')
      const crl = (await authority.crls('green'))[0] ?? new Uint8Array()
      expect(decodeRevocationList(crl).entries.map(({ serial }) => serial)).toContain(issued.serial)
      using openssl = new OpensslDirectory()
      await writeChain(openssl)
      openssl.write('leaf.pem', encodePem('CERTIFICATE', issued.certificate))
      openssl.write('list.pem', encodePem('X509 CRL', crl))
      const checked = [
        '-CAfile',
        'root.pem',
        '-untrusted',
        'issuing.pem',
        '-crl_check',
        '-CRLfile',
        'list.pem',
        'leaf.pem',
      ]
      const { status, stderr } = openssl.attempt('verify', ...at(), ...checked)
      expect(status).not.toBe(0)
      expect(stderr).toContain('certificate revoked')
    })

    test('opens its keys again in another process of the manager', async () => {
      const again = keys.open(store, () => now)
      const key = await nodeCrypto.generateKey('ecdsa-p256')
      const csr = await buildRequest(key, { subject: parseName('CN=x') })
      const issued = await again.issueDevice({ ...device, device: 'lathe', addresses: ['127.75.0.12'], csr })
      const [anchor] = await authority.anchors('green')
      expect(decodeCertificate(issued.certificate).issuer.der).toEqual(
        decodeCertificate(anchor ?? new Uint8Array()).subject.der,
      )
    })

    test('rolls its issuing CA over, and the new one signs', async () => {
      const before = await authority.anchors('green')
      now += day
      for (const step of ['prepare', 'activate'] as const)
        await authority.rollover({ zone: 'green', step, force: true })
      const issued = await issue({ device: 'mill', addresses: ['127.75.0.13'] })
      const added = (await authority.anchors('green')).filter(
        (der) => !before.some((old) => nodeCrypto.equal(old, der)),
      )
      expect(nodeCrypto.verifyChain({ leaf: issued.certificate, anchors: added })).toMatchObject({ ok: true })
    })

    test('rolls its root over, and old and new lead to what it issues', async () => {
      const roots = [await authority.root()]
      for (const step of ['prepare', 'activate'] as const) await authority.rollover({ zone: undefined, step })
      roots.push(await authority.root())
      const { certificate: leaf } = await issue({ device: 'router', addresses: ['127.75.0.14'] })
      const intermediates = await authority.caCertificates()
      for (const root of roots)
        expect(nodeCrypto.verifyChain({ leaf, anchors: [root], intermediates })).toMatchObject({ ok: true })
    })

    test('is restored from a backup and goes on signing, with the keys where they were', async () => {
      const backup = await authority.backup('the passphrase of a test')
      await using elsewhere = new TemporaryState()
      await using restored = await elsewhere.open()
      const { hardware } = await restoreAuthority(restored, backup, 'the passphrase of a test')
      const generations = await authority.generations()
      const inHardware = generations.filter((one) => one.inHardware).map(({ id }) => id)
      expect(hardware.map(({ id }) => id).sort()).toEqual(inHardware.sort())
      expect(inHardware).toHaveLength(keys.plan.hardware === undefined ? 0 : generations.length)
      const again = keys.open(restored, () => now)
      const key = await nodeCrypto.generateKey('ecdsa-p256')
      const csr = await buildRequest(key, { subject: parseName('CN=x') })
      const issued = await again.issueDevice({ ...device, device: 'plane', addresses: ['127.75.0.15'], csr })
      const anchors = await authority.anchors('green')
      expect(nodeCrypto.verifyChain({ leaf: issued.certificate, anchors })).toMatchObject({ ok: true })
    })
  })
}
