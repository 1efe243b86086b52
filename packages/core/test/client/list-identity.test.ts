import { discoveredDevice, listIdentityReply, listIdentityRequest } from '@cordon/core/client'
import { encapsulateReply, encapsulationMessage } from '@cordon/core/enip'
import { decode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const items = Buffer.from(
  // Vector 7 of the wire reference without its header, and item 0x0086 of a configured device behind it.
  '02000c002b0001000002af12c0a83865000000000000000001000c00e9fd0201000015cd5b07094f70454e6572205043ff8600070002000202180200',
  'hex',
)

const reply = (tag: number, data: Uint8Array = items) =>
  encapsulateReply(decode(encapsulationMessage, listIdentityRequest(1000, tag)), { data })

describe('ListIdentity', () => {
  it('asks with the delay and a tag in the sender context', () => {
    const request = decode(encapsulationMessage, listIdentityRequest(1500, 0x01020304))
    expect(request.command).toBe('listIdentity')
    expect([...request.senderContext]).toEqual([0xdc, 0x05, 4, 3, 2, 1, 0, 0])
  })

  it('reads identity and security of a device', () => {
    const device = listIdentityReply(reply(7), 7)
    expect(device?.identity).toMatchObject({
      vendorId: 1,
      productCode: 65001,
      serialNumber: 123456789,
      productName: 'OpENer PC',
    })
    expect(device?.security).toMatchObject({
      cipSecurityState: 'configured',
      ethernetIpSecurityState: 'configured',
      openPorts: { tcp2221: true, udp2221: true, tcp44818: false },
    })
  })

  it('ignores the answer to another question', () => {
    expect(listIdentityReply(reply(8), 7)).toBeUndefined()
  })

  it('is no device without an Identity item', () => {
    expect(discoveredDevice([])).toBeUndefined()
    expect(listIdentityReply(reply(7, Uint8Array.of(0, 0)), 7)).toBeUndefined()
  })

  it('ignores any noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        listIdentityReply(noise, 7)
        listIdentityReply(reply(7, noise), 7)
      }),
    )
  })
})
