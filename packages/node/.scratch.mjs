import { createDevice, createTag } from '@cordon/core/device'
import { nodeCrypto } from '@cordon/node/crypto'
import { TargetHost } from '@cordon/node/target'
import pkg from 'st-ethernet-ip'
const { Controller, Tag } = pkg
const identity = { vendorId: 1, deviceType: 14, productCode: 166, majorRevision: 33, minorRevision: 11, serialNumber: 0x00e17387, productName: '1756-L85E/B' }
const dint = { kind:'elementary', code:0xc4 }
const device = createDevice({ address: '127.99.7.1', identity, crypto: nodeCrypto, tags: [createTag('Speed', dint, [1500]), createTag('Ratio', {kind:'elementary',code:0xca}, [0.5]), createTag('Read_L8_String', {kind:'structure', handle:0x0fce}, ['running']), createTag('Recipe', dint, [1,2,3,4])] })
const host = new TargetHost({ device, log: (e) => console.log('log', e.event, e.message) })
await host.start()
for (const connected of [true, false]) {
  const c = new Controller(connected)
  await c.connect('127.99.7.1', 0)
  console.log(c.properties.name, c.properties.serial_number, c.state.tagList.tags.map(t => t.name))
  for (const name of ['Speed','Ratio','Read_L8_String','Recipe[2]']) { const t = c.newTag ? c.newTag(name) : new Tag(name); await c.readTag(t); console.log(name, t.value) }
  await c.disconnect()
}
await host.close()
