import { captureDevices, type CapturedPair, captureObservations, propose, writeProposal } from '@cordon/core/learning'
import { parsePlant } from '@cordon/core/policy'
import { describe, expect, it } from 'vitest'

const pair: CapturedPair = {
  originator: '10.0.0.1',
  target: '10.0.0.2',
  class: 1,
  protection: 'none',
  outputSize: 14,
  inputSize: 10,
  outputRpiUs: 20_000,
  inputRpiUs: 20_000,
  multicast: false,
  application: 'Assembly 6 points 2, 1',
  route: undefined,
  opened: true,
  count: 3,
  firstUs: 1_000_000,
  lastUs: 9_000_000,
  evidencePacket: 12,
}

describe('what a capture shows', () => {
  it('becomes observations with their packets', () => {
    const [first, tag, messages, session] = captureObservations('line.pcap', [
      pair,
      { ...pair, application: "'Part_Count'", route: 'port 1 address 3' },
      { ...pair, class: 3, application: 'Message Router' },
      { ...pair, class: 'unconnected', protection: 'tls', outputSize: undefined, inputSize: undefined },
    ])
    expect(first).toEqual({
      originator: { address: '10.0.0.1' },
      target: { address: '10.0.0.2' },
      class: 1,
      over: 'plain',
      shape: {
        outputSize: 14,
        inputSize: 10,
        variable: false,
        multicast: false,
        rpiUs: 20_000,
        targetRpiUs: 20_000,
        application: { kind: 'assembly', configuration: 6, output: 2, input: 1 },
      },
      source: 'packet 12 of line.pcap',
      firstSeen: 1000,
      lastSeen: 9000,
      count: 3,
    })
    expect(tag).toMatchObject({ target: { slot: 3 }, shape: { application: { kind: 'tag', tag: 'Part_Count' } } })
    expect(messages).toMatchObject({ class: 3, shape: { variable: true, application: { kind: 'messages' } } })
    expect(session).toMatchObject({ class: undefined, messages: true, over: 'tls' })
  })

  it('asks what a capture that began late cannot tell', () => {
    const late: CapturedPair = {
      ...pair,
      class: 'io',
      opened: false,
      application: undefined,
      route: 'port 2 address 7',
    }
    const devices = captureDevices('late.pcap', [
      { address: '10.0.0.2', vendorId: 1, serialNumber: 7, productName: 'Block ', packet: 3 },
      { address: '10.0.0.2', vendorId: 1, serialNumber: 7, productName: 'Block', packet: 9 },
    ])
    expect(devices).toHaveLength(1)
    const input = { plant: 'late', observations: captureObservations('late.pcap', [late]), devices }
    const text = writeProposal(propose(input))
    expect(text).toContain('# unknown: who opened it: the capture began later')
    expect(text).toContain('# unknown: class 0 or 1: its Forward_Open is not in the capture; class 1 is assumed')
    expect(text).toContain('# unknown: the way behind its target: port 2 address 7')
    expect(text).toContain('# unknown: does it speak CIP Security? it does not say')
    expect(text).toContain('# Block by ListIdentity in packet 3 of late.pcap')
    const plain = parsePlant(text, 'late.yaml').plant
    expect(plain?.devices.map(({ capability }) => capability)).toEqual(['none', 'none'])
    const counted = parsePlant(writeProposal(propose({ ...input, assumeCapable: true })), 'late.yaml').plant
    expect(counted?.devices.map(({ capability }) => capability)).toEqual([
      'cip-security',
      'cip-security',
      'cip-security',
    ])
  })

  it('takes who spoke TLS for somebody who can', () => {
    const observations = captureObservations('tls.pcap', [{ ...pair, class: 3, protection: 'tls' }])
    const { plant } = parsePlant(writeProposal(propose({ plant: 'tls', observations, devices: [] })), 'tls.yaml')
    expect(plant?.devices.slice(0, 2).map(({ capability }) => capability)).toEqual(['cip-security', 'cip-security'])
  })
})
