import {
  type ForwardOpenRequest,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  path,
} from '@cordon/core/cip'
import type { Device } from '@cordon/core/device'
import { ioFrame } from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainDevice, tcpLink, udpLink } from './fixture.ts'

const capacity = 4
const manager = path({ class: 6, instance: 1 })
const outputs = [101, 103] as const

interface Modelled {
  readonly request: ForwardOpenRequest
  readonly peer: string
  readonly link: ReturnType<typeof tcpLink>
  readonly kind: 'owner' | 'input-only' | 'listen-only' | 'messages'
  readonly output: number
  readonly otId: number
  sequence: number
  deadline: number
}

const p2p = (size: number) =>
  ({ redundantOwner: false, type: 'pointToPoint', priority: 'scheduled', sizeType: 'fixed', size }) as const

function requestFor(serial: number, kind: Modelled['kind'], output: number): ForwardOpenRequest {
  const point = kind === 'owner' ? output : kind === 'listen-only' ? 199 : 198
  const messages = kind === 'messages'
  return {
    timeout: { priority: false, tick: 5, ticks: 100 },
    otConnectionId: 0,
    toConnectionId: 0x9000_0000 + serial,
    connectionSerialNumber: serial,
    originatorVendorId: 77,
    originatorSerialNumber: 5,
    timeoutMultiplier: 0,
    otRpi: 100_000,
    otParameters: p2p(messages ? 500 : kind === 'owner' ? 2 + 4 + 4 : 2),
    toRpi: 100_000,
    toParameters: p2p(messages ? 500 : 2 + 8),
    transport: messages
      ? { direction: 'server', trigger: 'application', transportClass: 3 }
      : { direction: 'client', trigger: 'cyclic', transportClass: 1 },
    path: messages ? path({ class: 2, instance: 1 }) : path({ class: 4, instance: 1, connectionPoints: [point, 100] }),
  }
}

const command = fc.oneof(
  fc.record({
    do: fc.constant('open' as const),
    serial: fc.integer({ min: 1, max: 6 }),
    kind: fc.constantFrom('owner' as const, 'input-only' as const, 'listen-only' as const, 'messages' as const),
    output: fc.constantFrom(...outputs),
    peer: fc.constantFrom('192.0.2.1', '192.0.2.2'),
  }),
  fc.record({
    do: fc.constant('close' as const),
    serial: fc.integer({ min: 1, max: 6 }),
    peer: fc.constantFrom('192.0.2.1', '192.0.2.2'),
  }),
  fc.record({ do: fc.constant('data' as const), serial: fc.integer({ min: 1, max: 6 }), run: fc.boolean() }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(50, 350, 400, 2_000, 10_000) }),
  fc.record({ do: fc.constant('drop' as const), peer: fc.constantFrom('192.0.2.1', '192.0.2.2') }),
)

describe('connections', () => {
  it('keep capacity, ownership, watchdogs and outputs through any sequence of events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const device: Device = plainDevice({
          capacity: { connections: capacity },
          assemblies: [
            { instance: 100, direction: 'input', size: 8 },
            { instance: 101, direction: 'output', size: 4 },
            { instance: 103, direction: 'output', size: 4, onLoss: 'hold' },
          ],
        })
        const links = { '192.0.2.1': tcpLink('192.0.2.1'), '192.0.2.2': tcpLink('192.0.2.2') }
        const open = new Map<number, Modelled>()
        const values = new Map<number, number>(outputs.map((output) => [output, 0]))
        let now = 1_000
        const end = (connection: Modelled) => {
          open.delete(connection.request.connectionSerialNumber)
          if (connection.kind === 'owner' && connection.output === 101) values.set(101, 0)
        }
        const expectedOpen = (kind: Modelled['kind'], serial: number, output: number): readonly number[] => {
          if (open.has(serial)) return [1, 0x0100]
          if (open.size >= capacity) return [1, 0x0113]
          const all = [...open.values()]
          if (kind === 'owner' && all.some((other) => other.kind === 'owner' && other.output === output))
            return [1, 0x0106]
          const heard = all.some((other) => other.kind === 'owner' || other.kind === 'input-only')
          return kind === 'listen-only' && !heard ? [1, 0x0119] : [0]
        }
        for (const step of commands) {
          if (step.do === 'open') {
            const request = requestFor(step.serial, step.kind, step.output)
            const want = expectedOpen(step.kind, step.serial, step.output)
            const data = encode(forwardOpenRequest, request)
            const link = links[step.peer]
            const reply = await device.request({ service: 0x54, path: manager, data }, link, now)
            expect([step, [reply.status, ...reply.extended]]).toEqual([step, want])
            if (reply.status !== 0) continue
            const { otConnectionId } = decode(forwardOpenReply, reply.data)
            expect([...open.values()].map(({ otId }) => otId)).not.toContain(otConnectionId)
            const { kind, output, peer } = step
            const deadline = now + 10_000
            open.set(step.serial, { request, peer, link, kind, output, otId: otConnectionId, sequence: 0, deadline })
          } else if (step.do === 'close') {
            const connection = open.get(step.serial)
            const want = connection === undefined ? [1, 0x0107] : connection.peer === step.peer ? [0] : [0x0f]
            const data = encode(forwardCloseRequest, connection?.request ?? requestFor(step.serial, 'messages', 101))
            const reply = await device.request({ service: 0x4e, path: manager, data }, links[step.peer], now)
            expect([step, [reply.status, ...reply.extended]]).toEqual([step, want])
            if (reply.status === 0 && connection !== undefined) end(connection)
          } else if (step.do === 'data') {
            const connection = open.get(step.serial)
            if (connection === undefined || connection.kind === 'messages') continue
            const sequence = ++connection.sequence
            const body =
              connection.kind === 'owner'
                ? [sequence & 0xff, 0, step.run ? 1 : 0, 0, 0, 0, 9, 9, 9, 9]
                : [sequence & 0xff, 0]
            const frame = encode(ioFrame, { connectionId: connection.otId, sequence, data: Uint8Array.from(body) })
            device.datagram(udpLink(connection.peer), frame, now)
            connection.deadline = now + 400
            if (connection.kind !== 'owner') continue
            if (step.run) values.set(connection.output, 9)
            else if (connection.output === 101) values.set(101, 0)
          } else if (step.do === 'wait') {
            const until = now + step.ms
            for (let next = device.deadline(); next !== undefined && next <= until; next = device.deadline()) {
              now = Math.max(now, next)
              device.tick(now)
            }
            now = until
            device.tick(now)
            for (const connection of [...open.values()]) if (connection.deadline <= now) end(connection)
          } else {
            const link = links[step.peer]
            device.linkClosed(link, now)
            for (const connection of [...open.values()]) {
              if (connection.kind === 'messages' && connection.link === link) end(connection)
            }
            links[step.peer] = tcpLink(step.peer)
          }
          device.takeActions()
          const rows = device.connections(now).map((row) => row.triad.connectionSerialNumber)
          expect([step, rows.toSorted()]).toEqual([step, [...open.keys()].toSorted()])
          for (const output of outputs) {
            expect([step, output, device.assembly(output)[0]]).toEqual([step, output, values.get(output)])
          }
        }
      }),
      { numRuns: 150, seed: 17 },
    )
  })
})
