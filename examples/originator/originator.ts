// Looks at a new device: finds it, shows its certificate, reads a few attributes over TLS:
//   node examples/originator/originator.ts 127.0.0.1  (Node 22.18 or later; after npm run build)
import { cipSecurity, ethernetIpSecurity, identity } from '@cordon/core/objects'
import { connect, discover } from '@cordon/node/originator'
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'

/** What a factory-fresh device says of itself, in lines for people. */
export async function describeDevice(address: string): Promise<string[]> {
  const lines: string[] = []
  const [found] = await discover({ targets: [address] })
  if (found === undefined) return [`${address} does not answer ListIdentity`]
  lines.push(
    `${address}: ${found.identity.productName}, CIP Security ${found.security?.cipSecurityState ?? 'not offered'}`,
  )
  if (found.security === undefined) return lines
  await using session = await connect({
    address,
    commissioning: {
      // Nothing is sent before this returns: throw here when it is not the device you expect.
      inspect: ({ security }) => {
        const print = createHash('sha256').update(security?.peerChain[0] ?? '')
        lines.push(`${security?.suiteName}, certificate SHA-256 ${print.digest('hex')}`)
      },
    },
  })
  lines.push(`serial number ${await session.objects.get(identity, 1, 'serialNumber')}`)
  lines.push(`state ${await session.objects.get(cipSecurity, 1, 'state')}`)
  const suites = await session.objects.get(ethernetIpSecurity, 1, 'availableSuites')
  lines.push(`suites ${suites.map((suite) => `0x${suite.toString(16).padStart(4, '0')}`).join(' ')}`)
  return lines
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const line of await describeDevice(process.argv[2] ?? '127.0.0.1')) console.log(line)
}
