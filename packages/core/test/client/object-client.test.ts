import { encode, struct, u16, u8 } from '@cordon/core/wire'
import { attribute, failure, objectClass, service, success } from '@cordon/core/cip'
import { describeStatus, isStatus, ObjectClient } from '@cordon/core/client'
import { MalformedMessage, PeerError, UsageError } from '@cordon/core/errors'
import { file, identity } from '@cordon/core/objects'
import { describe, expect, it } from 'vitest'
import { scripted } from './fixture.ts'

const valve = objectClass({
  id: 0x64,
  name: 'Valve',
  classAttributes: { count: attribute(8, u16) },
  attributes: { position: attribute(1, u8), wanted: attribute(2, u16, 'read-write') },
  services: {
    move: service(0x4b, { request: struct({ to: u16 }), reply: struct({ from: u16 }) }),
    stop: service(0x4c),
  },
  getAll: ['position', 'wanted'],
  classGetAll: ['revision', 'maxInstance'],
})

describe('a typed client', () => {
  it('reads an attribute as its type', async () => {
    const requester = scripted((request) => success(request.service, Uint8Array.of(42)))
    const value: number = await new ObjectClient(requester).get(valve, 3, 'position')
    expect(value).toBe(42)
    expect(requester.asked).toEqual([
      {
        service: 0x0e,
        path: [
          { kind: 'class', value: 0x64 },
          { kind: 'instance', value: 3 },
          { kind: 'attribute', value: 1 },
        ],
        data: new Uint8Array(0),
      },
    ])
  })

  it('reads class attributes on instance 0', async () => {
    const requester = scripted((request) => success(request.service, Uint8Array.of(2, 1)))
    expect(await new ObjectClient(requester).getClass(valve, 'count')).toBe(0x102)
    expect(requester.asked[0]?.path[1]).toEqual({ kind: 'instance', value: 0 })
  })

  it('writes an attribute, and a read-only one does not compile', async () => {
    const requester = scripted((request) => success(request.service))
    const client = new ObjectClient(requester)
    await client.set(valve, 1, 'wanted', 0x0304)
    expect(requester.asked[0]).toMatchObject({ service: 0x10, data: Uint8Array.of(4, 3) })
    // @ts-expect-error position is read-only
    await client.set(valve, 1, 'position', 1)
    // @ts-expect-error wanted is a number
    await expect(client.set(valve, 1, 'wanted', 'open')).rejects.toBeInstanceOf(UsageError)
    // @ts-expect-error there is no such attribute
    await expect(client.get(valve, 1, 'colour')).rejects.toMatchObject({ code: 'missing' })
  })

  it('calls services with and without data', async () => {
    const requester = scripted((request) =>
      success(request.service, request.service === 0x4b ? Uint8Array.of(7, 0) : undefined),
    )
    const client = new ObjectClient(requester)
    expect(await client.call(valve, 1, 'move', { to: 9 })).toEqual({ from: 7 })
    await client.call(valve, 1, 'stop')
    // @ts-expect-error move needs a destination
    await expect(client.call(valve, 1, 'move')).rejects.toThrow()
    expect(requester.asked[0]).toMatchObject({ service: 0x4b, data: Uint8Array.of(9, 0) })
    expect(requester.asked[1]).toMatchObject({ service: 0x4c, data: new Uint8Array(0) })
  })

  it('reads all attributes in the order of the class', async () => {
    const client = new ObjectClient(scripted((request) => success(request.service, Uint8Array.of(1, 2, 0))))
    expect(await client.getAll(valve, 1)).toEqual({ position: 1, wanted: 2 })
    const classes = new ObjectClient(scripted((request) => success(request.service, Uint8Array.of(3, 0, 9, 0))))
    expect(await classes.getClassAll(valve)).toEqual({ revision: 3, maxInstance: 9 })
  })

  it('leaves out what an older target did not send, and ignores what a newer one adds', async () => {
    const older = new ObjectClient(scripted((request) => success(request.service, Uint8Array.of(1))))
    expect(await older.getAll(valve, 1)).toEqual({ position: 1 })
    const newer = new ObjectClient(scripted((request) => success(request.service, Uint8Array.of(1, 2, 0, 99, 99))))
    expect(await newer.getAll(valve, 1)).toEqual({ position: 1, wanted: 2 })
    const cut = new ObjectClient(scripted((request) => success(request.service, Uint8Array.of(1, 2))))
    await expect(cut.getAll(valve, 1)).rejects.toBeInstanceOf(MalformedMessage)
  })

  it('says what was refused, where and why', async () => {
    const client = new ObjectClient(scripted((request) => failure(request.service, 0x0f)))
    const error = await client.call(valve, 2, 'stop').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(PeerError)
    expect(String(error)).toContain('stop of Valve (0x64) instance 2: the target answered privilegeViolation (0x0F)')
    expect(isStatus(error, 0x0f)).toBe(true)
    expect(isStatus(error, 0x0c)).toBe(false)
    expect(error).toMatchObject({ code: 'general-status', details: { status: 0x0f, classId: 0x64 } })
  })

  it('names the meaning of additional words by class', async () => {
    const transfer = new ObjectClient(scripted((request) => failure(request.service, 0x20, [0x0004])))
    await expect(transfer.call(file, 1, 'clearFile')).rejects.toThrow(/tooLarge \(0x0004\)/)
    expect(describeStatus(failure(0x54, 0x01, [0x0113]), 0x06)).toContain('outOfConnections (0x0113)')
    expect(describeStatus(failure(0x54, 0x01, [0x0919]), 0x06)).toContain('security related')
    expect(describeStatus(failure(0x54, 0x1f, [0x1234, 0x5678]), 0x64)).toContain('0x5678')
  })

  it('says where a reply is malformed', async () => {
    const client = new ObjectClient(scripted((request) => success(request.service, Uint8Array.of(1, 2))))
    await expect(client.get(identity, 1, 'serialNumber')).rejects.toThrow(
      /reply to Get_Attribute_Single of Identity \(0x01\) instance 1 attribute 6 \(serialNumber\)/,
    )
    await expect(client.get(valve, 1, 'position')).rejects.toMatchObject({ name: 'MalformedMessage', code: 'trailing' })
  })

  it('passes timeout and signal on', async () => {
    const heard: unknown[] = []
    const client = new ObjectClient({
      request: async (request, options) => {
        heard.push(options)
        return success(request.service, encode(u8, 1))
      },
    })
    const signal = new AbortController().signal
    await client.get(valve, 1, 'position', { timeoutMs: 5, signal })
    expect(heard).toEqual([{ timeoutMs: 5, signal }])
  })
})
