// A device with CIP Security, as it leaves the factory, on its own address:
//   node examples/target/target.ts 127.0.0.1        (Node 22.18 or later; after npm run build)
import { createDefaultCredentials, createDevice } from '@cordon/core/device'
import { nodeCrypto } from '@cordon/node/crypto'
import { TargetHost } from '@cordon/node/target'
import { pathToFileURL } from 'node:url'

const identity = {
  vendorId: 1,
  deviceType: 12,
  productCode: 1001,
  majorRevision: 1,
  minorRevision: 1,
  serialNumber: 0x00c0ffee,
  productName: 'Example Adapter',
}

/** Listens on 44818, 2221 and 2222 of an address. */
export async function startTarget(address: string): Promise<TargetHost> {
  const device = createDevice({
    address,
    identity,
    crypto: nodeCrypto,
    security: {
      credentials: await createDefaultCredentials(nodeCrypto, { identity, now: Date.now() }),
      suites: [0xc02c, 0xc02b, 0xc024, 0xc023, 0xc006],
    },
    assemblies: [
      { instance: 100, direction: 'input', size: 4, data: Uint8Array.of(1, 2, 3, 4) },
      { instance: 101, direction: 'output', size: 4, onLoss: 'zero' },
    ],
  })
  const host = new TargetHost({ device, log: ({ event, peer, message }) => console.error(event, peer ?? '', message) })
  await host.start()
  return host
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await startTarget(process.argv[2] ?? '127.0.0.1')
