import { it } from 'vitest'
import { suites } from '../lib/index.ts'
import { clientContext, established, identity, serverContext, text,psk } from './pair.ts'
import { issue } from './pki.ts'
const root = await issue({ ca: true })
const device = await issue({ subject: 'CN=device' }, root)
const rsa = await issue({ subject: 'CN=device', kind: 'RSA-2048' }, root)
it('x', () => {
  for (const s of suites.filter(x=>x.available)) for (const etm of [1]) {
    const bad = new Map<string,number[]>()
    const sc=serverContext('dtls', { suites:[s.id],identity: identity(s.authentication==='rsa'?rsa:device),psk:psk() }), cc=clientContext('dtls', { suites:[s.id],anchors: [root.der],psk:psk() })
    let pair = established(sc,cc)
    let seq=100
    for (const type of [20,21,22,23,24,0]) for (const epoch of [0,1,2]) for (let length=0;length<100;length++) {
      seq++
      const b = Uint8Array.from([type,0xfe,0xfd,0,epoch,0,0,0,0,seq>>8,seq&255,0,length,...Array.from({ length }, () => (Math.random() * 256) | 0)])
      for (const end of ['server','client'] as const) {
      pair[end].receive(b, 0)
      if (pair[end].state !== 'established' || pair[end].takeOutput().length) { const k=`${end} type ${type} epoch ${epoch} ${pair[end].state}`; bad.set(k,[...(bad.get(k)??[]),length]); pair = established(sc,cc) }
      }
    }
    console.log(s.name, [...bad].map(([k,v])=>`${k}: ${v.join()}`).join('\n'))
  }
})
