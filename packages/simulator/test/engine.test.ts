import { connect } from '@cordon/node/originator'
import { afterEach, expect, it, vi } from 'vitest'
import { files, freshAddress, removeDirectories, security, startPlant, stopPlants, unit } from './small-plant.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  await stopPlants()
  await removeDirectories()
})

// Alone in its file: the engine is loaded once in a process.
it('loads the (D)TLS engine before it opens a socket, as that looks at every socket there is', async () => {
  const address = freshAddress()
  const report = vi.spyOn(process.report, 'getReport')
  await startPlant(
    files(`devices:\n  Unit: { address: ${address}, zone: line }`, `devices:\n${unit('Unit', 'adapter', security)}`),
  )
  const atStart = report.mock.calls.length
  await using session = await connect({ address, transport: 'tls', commissioning: true })
  expect(session.peer.security).toBeDefined()
  expect(report.mock.calls.length).toBe(atStart)
})
