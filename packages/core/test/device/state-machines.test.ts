import { readFileSync } from 'node:fs'
import { internationalText, path } from '@cordon/core/cip'
import { createDevice, type Device, printStateMachines } from '@cordon/core/device'
import {
  certificateManagement,
  certificateStates,
  cipSecurity,
  ethernetIpSecurity,
  file,
  fileStates,
} from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cipSecurityMachine, type CipSecurityEvent } from '../../src/device/security/cip-security.ts'
import {
  type EthernetIpSecurityEvent,
  ethernetIpSecurityMachine,
} from '../../src/device/security/ethernet-ip-security.ts'
import { fileMachine } from '../../src/device/security/files.ts'
import { certificateMachine } from '../../src/device/security/certificate-management.ts'
import { nextState, printStateMachine, type StateMachine } from '../../src/device/state-machine.ts'
import { csrRequest, secureDevice, TestClient, tcpLink, tlsLink, withChecksum } from './fixture.ts'

describe('the printed state machines', () => {
  it('are in docs/objects.md as the code obeys them', () => {
    const page = readFileSync(new URL('../../../../docs/objects.md', import.meta.url), 'utf8')
    expect(page).toContain(printStateMachines().trim())
  })

  it('name every state and every row', () => {
    const text = printStateMachine(cipSecurityMachine)
    expect(text.split('\n').filter((line) => line.startsWith('| '))).toHaveLength(
      cipSecurityMachine.transitions.length + 2,
    )
    expect(text).toContain('incomplete configuration (3)')
  })
})

const machines: readonly StateMachine<string, string>[] = [
  cipSecurityMachine,
  ethernetIpSecurityMachine,
  fileMachine,
  certificateMachine,
]

describe('every state machine', () => {
  it('has one row at most for a state and an event, so that the table is the whole truth', () => {
    for (const machine of machines) {
      for (const state of Object.keys(machine.states)) {
        for (const event of new Set(machine.transitions.map((row) => row.event))) {
          const rows = machine.transitions.filter(
            (row) => row.event === event && (row.from === 'any' || row.from.includes(state)),
          )
          expect([machine.name, state, event, rows.length <= 1]).toEqual([machine.name, state, event, true])
        }
      }
    }
  })

  it('reaches every state from where it begins, but those that only hardware has', () => {
    for (const machine of machines) {
      const reached = new Set([machine.initial])
      for (let size = 0; size !== reached.size; ) {
        size = reached.size
        for (const from of [...reached]) {
          for (const row of machine.transitions) {
            const to = nextState(machine, from, row.event)
            if (to !== undefined) reached.add(to)
          }
        }
      }
      const missing = Object.keys(machine.states).filter((state) => !reached.has(state))
      expect([machine.name, missing]).toEqual([machine.name, machine === fileMachine ? ['storing'] : []])
    }
  })
})

/** A step that a test takes: who, what, and how the table calls it. */
const steps = [
  'begin5D',
  'kick5D',
  'end5D',
  'reset5D',
  'begin5E',
  'kick5E',
  'apply5E',
  'applyBad5E',
  'abort5E',
  'reset5E',
  'resetNoPull5E',
  'set5E',
  'wait1',
  'wait9',
  'wait10',
  'dropLink',
  'powerCycle',
] as const

const actors = ['owner', 'other', 'plain', 'anonymous'] as const

interface Model {
  cip: Parameters<typeof nextState<keyof typeof cipSecurityMachine.states, CipSecurityEvent>>[1]
  ether: Parameters<typeof nextState<keyof typeof ethernetIpSecurityMachine.states, EthernetIpSecurityEvent>>[1]
  previous: Model['ether']
  cipOwner: string | undefined
  etherOwner: string | undefined
  cipDeadline: number
  etherDeadline: number
  timeout: number
  pendingTimeout: number | undefined
  noSuites: boolean
}

describe('the security objects', () => {
  it('follow their tables through any sequence of commands by anybody', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...steps), fc.constantFrom(...actors)), { maxLength: 40 }),
        async (sequence) => {
          let device: Device = await secureDevice()
          let now = 1000
          const links = {
            owner: tlsLink(),
            other: tlsLink({}, '192.0.2.2'),
            plain: tcpLink('192.0.2.3'),
            anonymous: tlsLink({ authenticated: 'none' }, '192.0.2.4'),
          }
          const model: Model = {
            cip: 'factoryDefault',
            ether: 'factoryDefault',
            previous: 'factoryDefault',
            cipOwner: undefined,
            etherOwner: undefined,
            cipDeadline: 0,
            etherDeadline: 0,
            timeout: 12,
            pendingTimeout: undefined,
            noSuites: false,
          }
          const moveCip = (event: CipSecurityEvent) => {
            const next = nextState(cipSecurityMachine, model.cip, event)
            if (next !== undefined) model.cip = next
            return next !== undefined
          }
          const moveEther = (event: EthernetIpSecurityEvent) => {
            const next = nextState(ethernetIpSecurityMachine, model.ether, event, model.previous)
            if (next === undefined) return false
            if (next === 'configurationInProgress' && model.ether !== next) model.previous = model.ether
            model.ether = next
            return true
          }
          const endCip = (event: CipSecurityEvent) => {
            moveCip(event)
            model.cipOwner = undefined
          }
          const endEther = (event: EthernetIpSecurityEvent) => {
            moveEther(event)
            model.etherOwner = undefined
            model.pendingTimeout = undefined
            model.noSuites = false
          }
          const configured = () => {
            const ether = model.ether === 'configurationInProgress' ? model.previous : model.ether
            return model.cip === 'configured' || model.cip === 'reconfiguration' || ether === 'configured'
          }
          const allowed = (actor: string) =>
            !configured() ||
            actor === 'owner' ||
            actor === 'other' ||
            model.cipOwner === actor ||
            model.etherOwner === actor
          const elapse = (ms: number) => {
            now += ms
            device.tick(now)
            if (model.cipOwner !== undefined && model.cipDeadline <= now) endCip('timeout')
            if (model.etherOwner !== undefined && model.etherDeadline <= now) endEther('timeout')
          }
          /** What the table and the rules beside it say a request gets. */
          const expected = (step: (typeof steps)[number], actor: string): number => {
            if (!allowed(actor)) return 0x0f
            switch (step) {
              case 'begin5D':
                if (model.cipOwner !== undefined) return 0x0c
                if (!moveCip('beginConfig')) return 0x0c
                model.cipOwner = actor
                model.cipDeadline = now + 10_000
                return 0
              case 'kick5D':
                if (model.cipOwner === undefined) return 0x0c
                if (model.cipOwner !== actor) return 0x0f
                model.cipDeadline = now + 10_000
                return 0
              case 'end5D':
                if (model.cipOwner === undefined) return 0x0c
                if (model.cipOwner !== actor) return 0x0f
                endCip('endConfig')
                return 0
              case 'reset5D':
                endCip('reset')
                endEther('reset')
                model.previous = model.ether
                model.timeout = 12
                return 0
              case 'begin5E':
                if (model.etherOwner !== undefined) return 0x0c
                if (!moveEther('beginConfig')) return 0x0c
                model.etherOwner = actor
                model.etherDeadline = now + 10_000
                model.pendingTimeout = model.timeout
                return 0
              case 'kick5E':
                if (model.etherOwner === undefined) return 0x0c
                if (model.etherOwner !== actor) return 0x0f
                model.etherDeadline = now + 10_000
                return 0
              case 'set5E':
                if (model.etherOwner === undefined) return 0x0c
                if (model.etherOwner !== actor) return 0x0f
                model.pendingTimeout = 77
                return 0
              case 'applyBad5E':
                if (model.etherOwner === undefined) return 0x0c
                return model.etherOwner === actor ? 0x09 : 0x0f
              case 'apply5E':
                if (model.etherOwner === undefined) return 0x0c
                if (model.etherOwner !== actor) return 0x0f
                model.timeout = model.pendingTimeout ?? model.timeout
                endEther('applyConfig')
                return 0
              case 'abort5E':
                if (model.etherOwner === undefined) return 0x0c
                if (model.etherOwner !== actor) return 0x0f
                endEther('abortConfig')
                return 0
              case 'reset5E':
              case 'resetNoPull5E':
                endEther(step === 'reset5E' ? 'reset' : 'resetWithoutPull')
                model.previous = model.ether
                model.timeout = 12
                return 0
              default:
                return 0
            }
          }
          const timeoutPath = path({ class: 0x5e, instance: 1, attribute: 15 })
          const requests: Partial<
            Record<(typeof steps)[number], () => readonly [number, ReturnType<typeof path>, Uint8Array]>
          > = {
            begin5D: () => [0x4b, path({ class: 0x5d, instance: 1 }), new Uint8Array(0)],
            kick5D: () => [0x4c, path({ class: 0x5d, instance: 1 }), new Uint8Array(0)],
            end5D: () => [0x4d, path({ class: 0x5d, instance: 1 }), new Uint8Array(0)],
            reset5D: () => [0x05, path({ class: 0x5d, instance: 1 }), new Uint8Array(0)],
            begin5E: () => [0x4b, path({ class: 0x5e, instance: 1 }), new Uint8Array(0)],
            kick5E: () => [0x4c, path({ class: 0x5e, instance: 1 }), new Uint8Array(0)],
            apply5E: () => [0x4d, path({ class: 0x5e, instance: 1 }), new Uint8Array(0)],
            applyBad5E: () => [0x10, timeoutPath, Uint8Array.of(0, 0)],
            abort5E: () => [0x4e, path({ class: 0x5e, instance: 1 }), new Uint8Array(0)],
            reset5E: () => [0x05, path({ class: 0x5e, instance: 1 }), new Uint8Array(0)],
            resetNoPull5E: () => [0x05, path({ class: 0x5e, instance: 1 }), Uint8Array.of(0)],
            set5E: () => [0x10, timeoutPath, Uint8Array.of(77, 0)],
          }
          for (const [step, actor] of sequence) {
            const build = requests[step]
            if (build !== undefined) {
              const [service, target, data] = build()
              const want = expected(step, actor)
              const reply = await device.request({ service, path: target, data }, links[actor], now)
              expect([step, actor, reply.status]).toEqual([step, actor, want])
            } else if (step === 'wait1') elapse(1_000)
            else if (step === 'wait9') elapse(9_000)
            else if (step === 'wait10') elapse(10_000)
            else if (step === 'dropLink') {
              device.linkClosed(links[actor], now)
              if (model.cipOwner === actor) endCip('configuratorLost')
              if (model.etherOwner === actor) endEther('configuratorLost')
            } else {
              device = createDevice(device.options, device.persist())
              if (model.cipOwner !== undefined) endCip('powerUp')
              if (model.etherOwner !== undefined) endEther('powerUp')
            }
            const view = new TestClient(device, tlsLink({}, '192.0.2.99'), now)
            expect(device.securityState()).toBe(model.cip)
            expect(await view.get(ethernetIpSecurity, 1, 'state')).toBe(model.ether)
            expect(await view.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(model.timeout)
            expect(device.security().dtlsTimeoutS).toBe(model.timeout)
            expect(await view.get(cipSecurity, 1, 'state')).toBe(
              model.cip === 'firstConfiguration' || model.cip === 'reconfiguration'
                ? 'configurationInProgress'
                : model.cip,
            )
          }
        },
      ),
      { numRuns: 150, seed: 1 },
    )
  })
})

describe('File instances', () => {
  it('follow their table through any sequence of services', async () => {
    const content = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff)
    const device = await secureDevice({ fileSlots: 1000 })
    const client = new TestClient(device, tlsLink())
    const command = fc.constantFrom('upload', 'packet', 'download', 'first', 'last', 'bad', 'abort', 'clear', 'wait')
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
        const { instance } = await client.call(file, 0, 'create', { name: internationalText('m') })
        const at: { state: keyof typeof fileMachine.states } = { state: 'empty' }
        let next = 0
        const name = await client.get(file, instance, 'instanceName')
        for (const what of commands) {
          const move = (
            event: Parameters<
              typeof nextState<keyof typeof fileMachine.states, (typeof fileMachine.transitions)[number]['event']>
            >[2],
          ) => {
            const to = nextState(fileMachine, at.state, event)
            if (to !== undefined) at.state = to
            return to !== undefined
          }
          const call = async (service: keyof typeof file.services, data: Uint8Array) =>
            (await client.raw(file.services[service].code, path({ class: 0x37, instance }), data)).status
          const packet = (type: 'first' | 'last' | 'abort', number: number, data: Uint8Array) =>
            encode(file.services.downloadTransfer.request, { number, type, data })
          if (what === 'upload') {
            const ok = move('initiateUpload')
            if (ok) next = 0
            expect(await call('initiateUpload', Uint8Array.of(255))).toBe(ok ? 0 : 0x0c)
          } else if (what === 'packet') {
            const ok = at.state === 'uploadInitiated' || at.state === 'uploading'
            expect(await call('uploadTransfer', Uint8Array.of(next))).toBe(ok ? 0 : 0x0c)
            if (ok) move(next === 1 ? 'lastUploadPacket' : 'uploadPacket')
            next = 1
          } else if (what === 'download') {
            const request = { size: 300, formatVersion: 1, majorRevision: 1, minorRevision: 1, fileName: name }
            const ok = move('initiateDownload')
            if (ok) next = 0
            expect(await call('initiateDownload', encode(file.services.initiateDownload.request, request))).toBe(
              ok ? 0 : 0x0c,
            )
          } else if (what === 'first') {
            const ok = at.state === 'downloadInitiated'
            const status = await call('downloadTransfer', packet('first', 0, content.subarray(0, 255)))
            expect(status).toBe(ok ? 0 : at.state === 'downloading' ? 0x20 : 0x0c)
            if (ok) move('downloadPacket')
            if (ok) next = 1
          } else if (what === 'last' || what === 'bad') {
            const ok = at.state === 'downloading'
            const good = withChecksum(content.subarray(255), content)
            const data = what === 'last' ? good : Uint8Array.from([...content.subarray(255), 1, 2])
            const status = await call('downloadTransfer', packet('last', 1, data))
            if (ok) move(what === 'last' ? 'lastDownloadPacket' : 'downloadDropped')
            expect(status).toBe(ok ? (what === 'last' ? 0 : 0xd0) : at.state === 'downloadInitiated' ? 0x20 : 0x0c)
          } else if (what === 'abort') {
            const ok = at.state === 'downloading' || at.state === 'downloadInitiated'
            const status = await call(
              'downloadTransfer',
              packet('abort', at.state === 'downloading' ? 1 : 0, new Uint8Array(0)),
            )
            expect(status).toBe(ok ? 0 : 0x0c)
            if (ok) move('downloadDropped')
          } else if (what === 'clear') {
            const ok = move('clear')
            expect(await call('clearFile', new Uint8Array(0))).toBe(ok ? 0 : 0x0c)
          } else {
            client.pass(10_000)
            move('transferEnded')
          }
          expect([what, await client.get(file, instance, 'state')]).toEqual([what, at.state])
        }
        client.pass(10_000)
        await client.call(file, instance, 'delete', undefined)
      }),
      { numRuns: 150, seed: 6 },
    )
    expect(fileStates.storing).toBe(7)
  })
})

describe('Certificate Management instances', () => {
  it('follow their table through any sequence of services', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    const own = (await client.get(certificateManagement, 1, 'deviceCertificate')).path
    const command = fc.constantFrom('csr', 'setDevice', 'setCa', 'verifyDevice', 'verifyCa')
    let made = 0
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
        const instance = await client.call(certificateManagement, 0, 'create', `m${++made}`)
        let state: keyof typeof certificateStates = 'created'
        const move = (event: 'createCsr' | 'setCertificate' | 'oneVerified' | 'verificationFailed') => {
          state = nextState(certificateMachine, state, event) ?? state
        }
        let ca = false
        let deviceInvalid = false
        for (const what of commands) {
          if (what === 'csr') {
            await client.call(certificateManagement, instance, 'createCsr', csrRequest)
            deviceInvalid = false
            move('createCsr')
          } else if (what === 'setDevice' || what === 'setCa') {
            // The issuer of the default certificate is an authority, the default certificate itself never ours.
            const target = what === 'setCa' ? path({ class: 0x37, instance: 0x0102 }) : own
            if (what === 'setCa') ca = true
            else deviceInvalid = false
            const name = what === 'setCa' ? 'caCertificate' : 'deviceCertificate'
            await client.set(certificateManagement, instance, name, { status: 'notVerified', path: target })
            move('setCertificate')
          } else if (what === 'verifyCa') {
            const reply = await client.tryCall(certificateManagement, instance, 'verifyCertificate', 4)
            expect(reply.status).toBe(ca ? 0 : 0xd0)
            if (!ca) move('verificationFailed')
            else if (!deviceInvalid) move('oneVerified')
          } else {
            expect(await client.refused(certificateManagement, instance, 'verifyCertificate', 3)).toEqual([0xd0])
            deviceInvalid = true
            move('verificationFailed')
          }
          expect([what, await client.get(certificateManagement, instance, 'state')]).toEqual([what, state])
        }
        await client.call(certificateManagement, instance, 'delete', undefined)
        expect(decode(certificateManagement.attributes.state.codec, Uint8Array.of(certificateStates[state]))).toBe(
          state,
        )
      }),
      { numRuns: 40, seed: 8 },
    )
  })
})
