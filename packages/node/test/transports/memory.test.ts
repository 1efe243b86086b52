import { memoryPair } from '../../src/transports/memory.ts'
import { describeTransport } from './describe-transport.ts'

for (const boundaries of ['stream', 'datagram'] as const) {
  describeTransport({
    name: `memory ${boundaries}`,
    boundaries,
    announcesClose: true,
    largest: 100_000,
    connect: async () => ({ ...memoryPair({ boundaries }), dispose: async () => {} }),
  })
}
