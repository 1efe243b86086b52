import { conformanceCases, runConformance, describeFinding, summarize } from '@cordon/core/conformance'
import { it } from 'vitest'
import { openConformancePort } from '../../src/conformance/port.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { plainDevice, secureDevice } from '../target/test-device.ts'
import { testAddress } from '../addresses.ts'

it.each(['plain', 'factory'] as const)('%s', async (kind) => {
  const device = kind === 'plain' ? plainDevice(testAddress(200)) : await secureDevice(testAddress(201))
  const host = new TargetHost({ device })
  await host.start()
  const port = await openConformancePort({ address: device.address, ...(kind === 'plain' ? {} : { pin: 'any' }) })
  const report = await runConformance(port, conformanceCases, {
    allowWrites: true, allowReset: true, longestMs: 4000,
    io: { output: { point: 101, size: 8 }, input: { point: 100, size: 40 }, configuration: 102 },
  })
  for (const r of report.results) {
    if (r.finding.verdict === 'pass') continue
    if (kind==='plain' && r.finding.verdict==='not applicable') continue
    console.log(r.id, r.finding.verdict, describeFinding(r.finding))
  }
  const slow = [...report.results].sort((a,b)=>b.tookMs-a.tookMs).slice(0,12).map((r)=>`${r.id} ${r.tookMs}`)
  console.log(kind, report.results.length, JSON.stringify(summarize(report.results).verdicts), slow, JSON.stringify(report.facts.noSession))
  await host.close()
  port.close()
}, 120000)
