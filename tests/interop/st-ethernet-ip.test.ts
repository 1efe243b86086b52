import { dataTypes, stringTagType } from '@cordon/core/cip'
import { createDevice, createTag, type Device } from '@cordon/core/device'
import { nodeCrypto } from '@cordon/node/crypto'
import { TargetHost } from '@cordon/node/target'
import { Controller, Tag } from 'st-ethernet-ip'
import { afterEach, describe, expect, it } from 'vitest'
import { testAddress } from './address.ts'

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

let next = 10

/** A plain controller in slot 0 with an Ethernet port of its own. */
async function startController(): Promise<{ address: string; device: Device }> {
  const address = testAddress(next++)
  const device: Device = createDevice({
    address,
    identity: {
      vendorId: 1,
      deviceType: 14,
      productCode: 166,
      majorRevision: 33,
      minorRevision: 11,
      serialNumber: 0x00e17387,
      productName: '1756-L85E/B',
    },
    crypto: nodeCrypto,
    tags: [
      createTag('Counter', { kind: 'elementary', code: dataTypes.DINT.code }, [-123456]),
      createTag('Level', { kind: 'elementary', code: dataTypes.REAL.code }, [1.5]),
      createTag('Ready', { kind: 'elementary', code: dataTypes.BOOL.code }, [true]),
      createTag('Read_L8_String', stringTagType, ['Hello from the plant']),
    ],
    slot: 0,
    backplane: (slot) => (slot === 0 ? device : undefined),
  })
  const host = new TargetHost({ device })
  await host.start()
  open.push(host)
  return { address, device }
}

async function connect(address: string, connected: boolean): Promise<Controller> {
  const controller = new Controller(connected)
  await controller.connect(address, 0)
  open.push({ close: () => controller.disconnect() })
  return controller
}

describe.each([true, false])('an unmodified st-ethernet-ip client (connected messages: %s)', (connected) => {
  it('reads the identity of a plain target', async () => {
    const { address } = await startController()
    const controller = await connect(address, connected)
    expect(controller.properties.name).toBe('1756-L85E/B')
    expect(controller.properties.serial_number).toBe(0x00e17387)
    expect(controller.properties.version).toBe('33.11')
  })

  it('reads tags', async () => {
    const { address } = await startController()
    const controller = await connect(address, connected)
    const read = async (name: string): Promise<unknown> => {
      const tag = controller.newTag(name)
      await controller.readTag(tag)
      return tag.value
    }
    expect(await read('Counter')).toBe(-123456)
    expect(await read('Level')).toBe(1.5)
    expect(await read('Ready')).toBe(true)
    expect(await read('Read_L8_String')).toBe('Hello from the plant')
  })

  it('lists the tags', async () => {
    const { address } = await startController()
    const controller = await connect(address, connected)
    expect(controller.tagList.map((tag) => tag.name).sort()).toEqual(['Counter', 'Level', 'Read_L8_String', 'Ready'])
  })

  it('writes a tag', async () => {
    const { address } = await startController()
    const controller = await connect(address, connected)
    const tag = new Tag('Counter')
    await controller.readTag(tag)
    tag.value = 77
    await controller.writeTag(tag)
    const again = new Tag('Counter')
    await controller.readTag(again)
    expect(again.value).toBe(77)
  })
})
