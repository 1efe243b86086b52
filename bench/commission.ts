import { clientContents, deviceContents, issuingContents, rootContents, signCertificate } from '@cordon/core/authority'
import { addressOf, path } from '@cordon/core/cip'
import { type ObjectClient, storeFile, upload } from '@cordon/core/client'
import { certificateManagement, cipSecurity, ethernetIpSecurity, file, verifyTargets } from '@cordon/core/objects'
import { decodeCertificate, decodePem, decodeRequest, encodePem } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'

/** An authority that lives as long as its process, and a client of its own. */
export interface Commissioner {
  /** Certificate of the issuing authority, DER: what devices are told to trust. */
  readonly anchor: Uint8Array
  /** A client that such devices accept. */
  readonly client: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }
  /** A device certificate for a public key, DER. */
  issue(publicKey: Uint8Array, name: string, address: string): Promise<Uint8Array>
}

const subject = { organization: 'Example Works', country: 'US' } as const

/** Makes an authority. */
export async function makeCommissioner(): Promise<Commissioner> {
  const now = Date.now()
  const rootKey = await nodeCrypto.generateKey('ecdsa-p256')
  const rootBody = rootContents(nodeCrypto, { plant: 'small', subject, publicKey: rootKey.publicKey, now })
  const root = decodeCertificate(
    await signCertificate(nodeCrypto, rootBody, rootKey, { now, profile: 'root', issuer: undefined }),
  )
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const body = issuingContents(nodeCrypto, {
    plant: 'small',
    zone: 'line',
    subject,
    publicKey: key.publicKey,
    now,
    issuer: root,
  })
  const issuer = decodeCertificate(
    await signCertificate(nodeCrypto, body, rootKey, { now, profile: 'issuing', issuer: root }),
  )
  const common = { zone: 'line', subject, now, issuer }
  const clientKey = await nodeCrypto.generateKey('ecdsa-p256')
  const clientBody = clientContents(nodeCrypto, {
    ...common,
    name: 'manager',
    publicKey: clientKey.publicKey,
    addresses: [],
  })
  const client = await signCertificate(nodeCrypto, clientBody, key, { now, profile: 'client', issuer })
  return {
    anchor: issuer.der,
    client: { chain: [client], key: clientKey.export() ?? new Uint8Array(0) },
    issue: (publicKey, name, address) =>
      signCertificate(
        nodeCrypto,
        deviceContents(nodeCrypto, { ...common, name, publicKey, addresses: [address] }),
        key,
        { now, profile: 'device', issuer },
      ),
  }
}

/**
 * Takes a device from the factory into a plant, by the push model and with nothing checked: key and certificate of its
 * own, one anchor, client verification, the suites given.
 */
export async function commission(
  client: ObjectClient,
  commissioner: Commissioner,
  device: { readonly name: string; readonly address: string; readonly suites: readonly number[] },
): Promise<void> {
  await client.call(cipSecurity, 1, 'beginConfig', undefined)
  await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
  const instance = await client.call(certificateManagement, 0, 'create', 'plant')
  const request = await client.call(certificateManagement, instance, 'createCsr', {
    commonName: device.name,
    organization: '',
    organizationalUnit: '',
    city: '',
    state: '',
    country: '',
    email: '',
    serialNumber: '',
  })
  const [csr] = decodePem(new TextDecoder().decode(await upload(client, addressOf(request).instance ?? 0)))
  const { publicKey } = decodeRequest(csr?.bytes ?? new Uint8Array(0))
  const certificate = await commissioner.issue(publicKey, device.name, device.address)
  const stored = async (name: string, der: Uint8Array) => {
    const bytes = new TextEncoder().encode(encodePem('CERTIFICATE', der))
    return path({ class: file.id, instance: await storeFile(client, name, 'pemCertificate', bytes) })
  }
  const authority = await stored('ca.pem', commissioner.anchor)
  const leaf = await stored('device.pem', certificate)
  await client.set(certificateManagement, instance, 'caCertificate', { status: 'notVerified', path: authority })
  await client.set(certificateManagement, instance, 'deviceCertificate', { status: 'notVerified', path: leaf })
  await client.call(certificateManagement, instance, 'verifyCertificate', verifyTargets.caCertificate)
  await client.call(certificateManagement, instance, 'verifyCertificate', verifyTargets.deviceCertificate)
  await client.set(ethernetIpSecurity, 1, 'activeCertificates', [path({ class: certificateManagement.id, instance })])
  await client.set(ethernetIpSecurity, 1, 'trustedAuthorities', [authority])
  await client.set(ethernetIpSecurity, 1, 'allowedSuites', device.suites)
  await client.set(ethernetIpSecurity, 1, 'verifyClient', true)
  await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
  await client.call(cipSecurity, 1, 'endConfig', undefined)
}
