import { createReadStream, readFileSync } from 'node:fs'
import { it } from 'vitest'
import { analyzeCapture } from '../../src/capture/analysis.ts'
import { judgeCapture } from '../../src/capture/judgement.ts'
import { nodeRecordCrypto } from '/work/wt/cip/packages/node/src/capture/record-crypto.ts'
import { nodeCrypto } from '@cordon/node/crypto'
import { parsePlant, parseSimulation, indexPlant, simulatedCapabilities } from '@cordon/core/policy'
import { decodePem } from '@cordon/core/x509'
it('x', async () => {
  const vendor = decodePem(readFileSync(process.env.VENDOR!, 'utf8')).map(x=>x.bytes)
  const rows:string[]=[]
  const a = analyzeCapture({ records: nodeRecordCrypto, certificates: { crypto: nodeCrypto, vendorAnchors: vendor, plantAnchors: [] }, row: (r)=>{ if(rows.length<200000) rows.push(`${r.packet} ${r.source.address}:${r.source.port} ${r.destination.address}:${r.destination.port} ${r.protocol} ${r.info}`)} })
  if (process.env.KEYS) a.keyLog(readFileSync('/tmp/cip/keys.log','utf8'))
  a.beginFile('demo')
  const t=performance.now()
  for await (const c of createReadStream('/tmp/cip/demo.pcapng')) a.push(c)
  a.endFile()
  const r = a.end()
  console.log(performance.now()-t, 'ms', JSON.stringify(r.packets), r.conversations.length, r.connections.length, rows.length, JSON.stringify(r.notRead))
  const text=(f:string)=>readFileSync(f,'utf8')
  const p=parsePlant(text('examples/cpwe/plant.yaml'),'plant.yaml'), s=parseSimulation(text('examples/cpwe/simulation.yaml'),'s')
  const j = judgeCapture(r, indexPlant(p.plant!, simulatedCapabilities(s.simulation!)))
  console.log(j.verdict, JSON.stringify(j.counts))
  const t0=r.firstUs!
  for (const f of j.flows.sort((a,b)=>a.verdict<b.verdict?-1:1)) console.log(f.verdict, f.from.name??f.from.address,'->',f.to.name??f.to.address, f.transport, f.port, f.protection, f.suite?.name??'', f.count, ((f.firstUs-t0)/1e6).toFixed(1), ((f.lastUs-t0)/1e6).toFixed(1), f.reason)
  console.log(rows.slice(0,40).join('\n'))
  for (const c of r.commissioning.slice(0,6)) console.log(c.client,c.server,c.how,c.text, c.push?.steps.length)
  require('node:fs').writeFileSync('/tmp/cip/report.json', JSON.stringify(r,null,1))
  require('node:fs').writeFileSync('/tmp/cip/rows.txt', rows.join('\n'))
})
