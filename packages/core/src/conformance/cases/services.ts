import type { Bench, EncapsulationLine } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText, refused, status } from '../define.ts'
import { type CipReply, concat, epath, le16, le32, shortText, u16, u32 } from '../frames.ts'
import { equalBytes, Found, type Judge } from '../judge.ts'
import { pathTarget } from '../layouts.ts'
import { created, creating, deleted, puttingBack } from '../put-back.ts'
import { nameValue } from '../../x509/name.ts'
import { pemOrDer } from '../../x509/pem.ts'
import { decodeRequest } from '../../x509/request.ts'
import { MalformedMessage } from '../../errors.ts'
import { upload } from './certificate-file.ts'
import { suitesIn } from './consistency.ts'
import { suiteRows } from './suite-table.ts'

const cip = epath(0x5d, 1)
const enip = epath(0x5e, 1)
const service = { reset: 0x05, begin: 0x4b, kick: 0x4c, apply: 0x4d, end: 0x4d, abort: 0x4e } as const

function attributePath(attribute: number): Uint8Array {
  return epath(0x5e, 1, attribute)
}

/**
 * Ends the configuration that a session began, and says in which state the object is where it is not the one from before. A
 * session that broke takes its configuration with it.
 */
async function ended(
  bench: Bench,
  session: EncapsulationLine,
  code: number,
  path: Uint8Array,
  before: number,
): Promise<string | undefined> {
  try {
    await session.cip(code, path)
  } catch (error) {
    if (!(error instanceof Found)) throw error
    session.close()
    await bench.port.wait(bench.quietMs)
  }
  if (code === service.reset) await bench.afterReset()
  const classId = path === cip ? 0x5d : 0x5e
  const [state = 0xff] = await bench.value(classId, 1, 1)
  return state === before ? undefined : `0x${classId.toString(16).toUpperCase()} is in state ${state}, not ${before}`
}

/**
 * A configuration of 0x5E over a session of its own. It is aborted in any case, and that the target is then as it was is part
 * of what is judged.
 */
async function configuring(
  bench: Bench,
  judge: Judge,
  work: (session: EncapsulationLine) => Promise<void>,
  by?: 'tcp' | 'tls',
): Promise<void> {
  const [before = 0xff] = await bench.value(0x5e, 1, 1)
  if (before === 1) judge.notApplicable('somebody else configures the target')
  if (before === 3) judge.notApplicable('the pull model is in progress')
  const settings = await snapshot(bench)
  const session = await bench.session(by)
  await puttingBack(
    bench,
    async () => {
      status(judge, await session.cip(service.begin, enip), 0)
      await work(session)
    },
    async () =>
      (await ended(bench, session, service.abort, enip, before)) ??
      (equalBytes(settings, await snapshot(bench)) ? undefined : '0x5E has other settings than before'),
  )
}

/** What Set could have changed. */
async function snapshot(bench: Bench): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (const attribute of [4, 5, 6, 7, 8, 9, 10, 11, 12, 15]) {
    const reply = await bench.get(0x5e, 1, attribute)
    parts.push(Uint8Array.of(attribute, reply.status), reply.data)
  }
  return concat(...parts)
}

/** A service that only a configuration knows gets 0x0C outside of one. */
function outside(id: string, name: string, path: Uint8Array, code: number, classId: number, source: string): CaseText {
  return {
    id,
    title: `${name} outside of a configuration gets 0x0C`,
    source,
    kind: 'write',
    needs: [{ class: classId }],
    run: async (bench, judge) => {
      const [state] = await bench.value(classId, 1, 1)
      if (state === 1) judge.notApplicable('the target is being configured')
      status(judge, await bench.cip(code, path), 0x0c)
    },
  }
}

/** A configuration of 0x5D begins, and no second one beside it. */
async function begunTwice(bench: Bench, judge: Judge, session: EncapsulationLine): Promise<void> {
  status(judge, await session.cip(service.begin, cip), 0)
  judge.sameBytes('state', Uint8Array.of(1), await bench.value(0x5d, 1, 1))
  status(judge, await session.cip(service.begin, cip), 0x0c)
  status(judge, await session.cip(service.kick, cip), 0)
}

/** A pre-shared key element (4.2). */
function psk(identity: number, key: number): Uint8Array {
  return concat(
    Uint8Array.of(1, identity),
    new Uint8Array(identity).fill(0x69),
    Uint8Array.of(key),
    new Uint8Array(key).fill(0x6b),
    Uint8Array.of(2),
  )
}

/** In a state 2 only over a secure link. */
function overPlain(
  id: string,
  title: string,
  source: string,
  path: Uint8Array,
  code: number,
  classId: number,
  more: Partial<CaseText> = {},
): CaseText {
  return {
    id,
    title,
    source,
    kind: 'write',
    needs: [{ class: classId }, 'configured', 'plain-session'],
    run: async (bench, judge) => {
      const session = await bench.session('tcp')
      status(judge, await session.cip(code, path), 0x0f)
    },
    ...more,
  }
}

const securityServices: readonly CaseText[] = [
  outside('5d-kick-outside', 'Kick_Timer of 0x5D', cip, service.kick, 0x5d, '4.1 [O]'),
  outside('5d-end-outside', 'End_Config of 0x5D', cip, service.end, 0x5d, '4.1 [O]'),
  outside('5e-kick-outside', 'Kick_Timer of 0x5E', enip, service.kick, 0x5e, '4.2 [O]'),
  outside('5e-apply-outside', 'Apply_Config of 0x5E', enip, service.apply, 0x5e, '4.2 [O]'),
  outside('5e-abort-outside', 'Abort_Config of 0x5E', enip, service.abort, 0x5e, '4.2 [O]'),
  {
    id: '5d-unknown',
    title: 'a service that 0x5D does not have gets 0x08',
    source: '2.3, 4.1 [W]',
    needs: [{ class: 0x5d }],
    run: async (bench, judge) => status(judge, await bench.cip(0x62, cip), 0x08),
  },
  {
    id: '5e-unknown',
    title: 'a service that 0x5E does not have gets 0x08',
    source: '2.3, 4.2 [W]',
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => status(judge, await bench.cip(0x62, enip), 0x08),
  },
  {
    id: '5f-unknown',
    title: 'a service that 0x5F does not have gets 0x08',
    source: '2.3, 4.3 [W]',
    needs: [{ class: 0x5f }],
    run: async (bench, judge) => status(judge, await bench.cip(0x62, epath(0x5f, 1)), 0x08),
  },
  {
    id: '5d-instance-2',
    title: '0x5D has one instance: 2 gets 0x05 or 0x16',
    source: '4.1 [W][H][O]',
    needs: [{ class: 0x5d }],
    run: async (bench, judge) => status(judge, await bench.get(0x5d, 2, 1), [0x05, 0x16]),
  },
  {
    id: '5e-begin-abort',
    title: 'Begin_Config takes 0x5E to state 1, Abort_Config back to where it was',
    source: '4.2; state after Abort_Config ours',
    basis: 'inferred',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) => {
        const state = await session.cip(0x0e, attributePath(1))
        judge.sameBytes('state', Uint8Array.of(1), state.data)
      }),
  },
  {
    id: '5e-begin-seen',
    title: 'everybody sees that 0x5E is being configured',
    source: '4.2 [W][H][R]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async () =>
        judge.sameBytes('state seen by another session', Uint8Array.of(1), await bench.value(0x5e, 1, 1)),
      ),
  },
  {
    id: '5e-begin-twice',
    title: 'Begin_Config during a configuration gets 0x0C',
    source: '4.2 [O]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) => status(judge, await session.cip(service.begin, enip), 0x0c)),
  },
  {
    id: '5e-kick',
    title: 'Kick_Timer during a configuration succeeds',
    source: '4.2 [O]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) => status(judge, await session.cip(service.kick, enip), 0)),
  },
  ...([1, 2, 3] as const).map(
    (bytes): CaseText => ({
      id: `5e-apply-${bytes}-bytes`,
      title: `Apply_Config with ${bytes} of its 4 bytes gets not enough data (0x13)`,
      source: '4.2 [O][H][R]',
      kind: 'write',
      needs: [{ class: 0x5e }],
      run: (bench, judge) =>
        configuring(bench, judge, async (session) =>
          status(judge, await session.cip(service.apply, enip, new Uint8Array(bytes)), 0x13),
        ),
    }),
  ),
  {
    id: '5e-set-unavailable-suite',
    title: 'a suite that is not available cannot be allowed: 0x09',
    source: '4.2 [W][H][R]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => {
      const available = suitesIn(await bench.value(0x5e, 1, 3))
      const missing = suiteRows.find(({ id }) => !available.includes(id))?.id ?? 0x0005
      const value = Uint8Array.of(1, missing >> 8, missing & 0xff)
      await configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(4), value), 0x09),
      )
    },
  },
  {
    id: '5e-set-pending',
    title: 'the configurator reads what it set, everybody else what is in force',
    source: '4.2',
    basis: 'ours',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => {
      const before = await bench.value(0x5e, 1, 4)
      const [first] = suitesIn(await bench.value(0x5e, 1, 3)).filter((id) => !equalBytes(before, one(id)))
      if (first === undefined) judge.notApplicable('only one suite')
      const value = one(first ?? 0)
      await configuring(bench, judge, async (session) => {
        status(judge, await session.cip(0x10, attributePath(4), value), 0)
        judge.sameBytes('value for the configurator', value, (await session.cip(0x0e, attributePath(4))).data)
        judge.sameBytes('value for others', before, await bench.value(0x5e, 1, 4))
      })
    },
  },
  {
    id: '5e-set-timeout-range',
    title: 'a DTLS timeout above 3600 seconds gets 0x09',
    source: '4.2 [H][FTPM]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(15), le16(3601)), 0x09),
      ),
  },
  {
    id: '5e-set-short',
    title: 'a value with too few bytes gets not enough data (0x13) or 0x09',
    source: '2.3, 4.2 [Wh][Om]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(15), Uint8Array.of(12)), [0x13, 0x09]),
      ),
  },
  {
    id: '5e-set-long',
    title: 'a value with too many bytes gets too much data (0x15) or 0x09',
    source: '2.3, 4.2 [Wh][Om]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(9), Uint8Array.of(0, 0, 0)), [0x15, 0x09]),
      ),
  },
  ...([3, 13] as const).map(
    (attribute): CaseText => ({
      id: `5e-set-${attribute}`,
      title: `attribute ${attribute} of 0x5E cannot be set during a configuration either: 0x0E`,
      source: '4.2 [W][H][R]',
      kind: 'write',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const value = await bench.value(0x5e, 1, attribute)
        await configuring(bench, judge, async (session) =>
          status(judge, await session.cip(0x10, attributePath(attribute), value), 0x0e),
        )
      },
    }),
  ),
  {
    id: '5e-set-boolean',
    title: 'what is set during a configuration is there for the configurator, and gone after Abort_Config',
    source: '4.2 [O]',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => {
      const value = Uint8Array.of((await bench.value(0x5e, 1, 11))[0] === 0 ? 1 : 0)
      await configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(11), value), 0),
      )
    },
  },
  {
    id: '5e-psk-key-65',
    title: 'a key of 65 octets gets 0x09',
    source: '4.2 [H][O]',
    kind: 'write',
    needs: [{ class: 0x5e }, 'secure-session'],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(5), psk(4, 65)), 0x09),
      ),
  },
  {
    id: '5e-psk-identity-129',
    title: 'an identity of 129 octets gets 0x09',
    source: '4.2 [OI 243]',
    kind: 'write',
    needs: [{ class: 0x5e }, 'secure-session'],
    run: (bench, judge) =>
      configuring(bench, judge, async (session) =>
        status(judge, await session.cip(0x10, attributePath(5), psk(129, 16)), 0x09),
      ),
  },
  {
    id: '5e-psk-not-told',
    title: 'a key that was set is not told: its length reads 0',
    source: '4.2 [O][H]',
    kind: 'write',
    needs: [{ class: 0x5e }, 'secure-session'],
    run: async (bench, judge) => {
      if (u16(await bench.value(0x5e, 0, 8), 0) === 0) judge.notApplicable('no room for keys')
      await configuring(bench, judge, async (session) => {
        const set = await session.cip(0x10, attributePath(5), psk(4, 16))
        if (set.status === 0x0f) judge.notApplicable('keys are not taken over this link')
        status(judge, set, 0)
        for (const reply of [await session.cip(0x0e, attributePath(5)), await session.cip(0x01, enip)]) {
          const told = new Uint8Array(16).fill(0x6b)
          judge.holds(!contains(reply.data, told), 'no key', 'the bytes of the answer', reply.data)
        }
      })
    },
  },
  {
    id: '5e-psk-plain',
    title: 'a key is not taken over a plain link: 0x0F',
    source: '4.2 [G17]',
    basis: 'ours',
    kind: 'write',
    needs: [{ class: 0x5e }, 'factory', 'plain-session'],
    run: (bench, judge) =>
      configuring(
        bench,
        judge,
        async (session) => status(judge, await session.cip(0x10, attributePath(5), psk(4, 16)), 0x0f),
        'tcp',
      ),
  },
  {
    id: '5e-other-peer',
    title: 'nobody else may set anything during a configuration: 0x0F',
    source: '4.1',
    basis: 'ours',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: (bench, judge) =>
      configuring(bench, judge, async () => {
        const value = await bench.value(0x5e, 1, 11)
        status(judge, await bench.cip(0x10, attributePath(11), value), 0x0f)
      }),
  },
  {
    id: '5e-owner-gone',
    title: 'a configuration ends when the connection of its configurator does',
    source: '4.1',
    basis: 'inferred',
    kind: 'write',
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => {
      const [before] = await bench.value(0x5e, 1, 1)
      if (before === 1 || before === 3) judge.notApplicable('the target is busy with another configuration')
      const session = await bench.session()
      status(judge, await session.cip(service.begin, enip), 0)
      session.close()
      let state = 1
      for (let waited = 0; state === 1 && waited < 20; waited++) {
        await bench.port.wait(50)
        state = (await bench.value(0x5e, 1, 1))[0] ?? 0xff
      }
      judge.equal('state', before ?? 0xff, state)
    },
  },
  {
    id: '5e-timeout',
    title: 'a configuration that nobody kicks ends after 10 seconds, and no sooner',
    source: '4.1, 4.2 [H]; the state that follows is ours',
    kind: 'write',
    needs: [{ class: 0x5e }],
    slowMs: 14_000,
    run: async (bench, judge) => {
      const [before = 0xff] = await bench.value(0x5e, 1, 1)
      if (before === 1 || before === 3) judge.notApplicable('the target is busy with another configuration')
      const session = await bench.session()
      const work = async (): Promise<void> => {
        status(judge, await session.cip(service.begin, enip), 0)
        await bench.port.wait(8500)
        judge.sameBytes('state after 8.5 s', Uint8Array.of(1), await bench.value(0x5e, 1, 1))
        let state = 1
        // A busy target may be late, but not by a whole kick interval of three seconds.
        for (let waited = 0; state === 1 && waited < 5; waited++) {
          await bench.port.wait(1000)
          state = (await bench.value(0x5e, 1, 1))[0] ?? 0xff
        }
        judge.equal('state after 13.5 s', before, state)
      }
      await puttingBack(bench, work, () => ended(bench, session, service.abort, enip, before))
    },
  },
  overPlain(
    '5d-begin-plain',
    'Begin_Config of a configured 0x5D over a plain link gets 0x0F',
    '4.1 [O]',
    cip,
    service.begin,
    0x5d,
  ),
  overPlain(
    '5e-begin-plain',
    'Begin_Config of a configured 0x5E over a plain link gets 0x0F',
    '4.2 [O]',
    enip,
    service.begin,
    0x5e,
  ),
  overPlain(
    '5d-reset-plain',
    'Reset of a configured 0x5D over a plain link gets 0x0F',
    '4.1 [O]',
    cip,
    service.reset,
    0x5d,
    {
      kind: 'reset',
    },
  ),
  overPlain(
    '5e-reset-plain',
    'Reset of a configured 0x5E over a plain link gets 0x0F',
    '4.2 [O]',
    enip,
    service.reset,
    0x5e,
    {
      kind: 'reset',
    },
  ),
  overPlain(
    'identity-reset-plain',
    'Identity Reset of a configured target over a plain link gets 0x0F',
    '4.10',
    epath(0x01, 1),
    service.reset,
    0x5d,
    { kind: 'reset', basis: 'inferred' },
  ),
  {
    id: '5d-begin-end',
    title: 'Begin_Config takes a configured 0x5D to state 1, End_Config back to 2',
    source: '4.1 [O]',
    kind: 'write',
    needs: [{ class: 0x5d }, 'configured', 'secure-session'],
    run: async (bench, judge) => {
      const session = await bench.session('tls')
      await puttingBack(
        bench,
        () => begunTwice(bench, judge, session),
        () => ended(bench, session, service.end, cip, 2),
      )
      judge.sameBytes('state after End_Config', Uint8Array.of(2), await bench.value(0x5d, 1, 1))
    },
  },
  {
    id: '5d-begin-reset',
    title: 'Begin_Config takes a factory-new 0x5D to state 1, Reset back to 0',
    source: '4.1 [O]',
    kind: 'reset',
    needs: [{ class: 0x5d }, 'factory'],
    run: async (bench, judge) => {
      const session = await bench.session()
      await puttingBack(
        bench,
        () => begunTwice(bench, judge, session),
        () => ended(bench, session, service.reset, cip, 0),
      )
      judge.sameBytes('state after Reset', Uint8Array.of(0), await bench.value(0x5d, 1, 1))
    },
  },
  {
    id: '5d-reset-data',
    title: 'Reset of 0x5D with data gets too much data (0x15)',
    source: '4.1 [O]',
    kind: 'reset',
    needs: [{ class: 0x5d }, 'factory'],
    run: async (bench, judge) => status(judge, await bench.cip(service.reset, cip, Uint8Array.of(0)), 0x15),
  },
  {
    id: '5e-reset-disables-pull',
    title: 'Reset of 0x5E with FALSE gives state 5 and status 0xFFFF, Reset with TRUE state 0 and status 0',
    source: '4.2 [O][H]',
    kind: 'reset',
    needs: [{ class: 0x5e }, 'factory'],
    run: async (bench, judge) => {
      const [before] = await bench.value(0x5e, 1, 13)
      if (before === 0) judge.notApplicable('the pull model is disabled, and would be enabled afterwards')
      const disable = async (): Promise<void> => {
        status(judge, await bench.cip(service.reset, enip, Uint8Array.of(0)), 0)
        await bench.afterReset()
        const disabled = concat(
          await bench.value(0x5e, 1, 1),
          await bench.value(0x5e, 1, 13),
          await bench.value(0x5e, 1, 14),
        )
        judge.sameBytes('state, enable and status after FALSE', Uint8Array.of(5, 0, 0xff, 0xff), disabled)
      }
      await puttingBack(bench, disable, async () => {
        const reply = await bench.cip(service.reset, enip, Uint8Array.of(1))
        await bench.afterReset()
        const [enabled] = await bench.value(0x5e, 1, 13)
        if (enabled === before) return undefined
        return `the pull model is disabled (Reset with TRUE got 0x${reply.status.toString(16).padStart(2, '0')})`
      })
      const [state = 0xff] = await bench.value(0x5e, 1, 1)
      // A target that finds a server at once goes on to state 3.
      judge.holds(state === 0 || state === 3, 'state 0 or 3', `state ${state}`)
      judge.sameBytes('enable after TRUE', Uint8Array.of(1), await bench.value(0x5e, 1, 13))
    },
  },
  {
    id: '5d-cleanup-nothing',
    title: 'Object_Cleanup with nothing to clean gets 0xD0',
    source: '4.1 [H][O]',
    kind: 'reset',
    needs: [{ class: 0x5d }, 'factory'],
    run: async (bench, judge) => {
      const path = epath(0x5d, 0)
      const first = await bench.cip(0x4e, path)
      const at = first.status === 0x08 ? cip : path
      status(judge, await bench.cip(0x4e, at), 0xd0)
    },
  },
  {
    id: 'identity-reset-type',
    title: 'Identity Reset of a type that does not exist is refused',
    source: '4.10 [W][R]',
    kind: 'reset',
    needs: ['session'],
    run: async (bench, judge) => refused(judge, await bench.cip(service.reset, epath(0x01, 1), Uint8Array.of(99))),
  },
]

function one(suite: number): Uint8Array {
  return Uint8Array.of(1, suite >> 8, suite & 0xff)
}

function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (equalBytes(bytes.subarray(at, at + part.length), part)) return true
  }
  return false
}

/** A Certificate Management instance that a case made, and the files that belong to it. */
interface Own {
  readonly instance: number
  readonly files: Set<number>
}

/** A Certificate Management instance of its own; it is deleted again, with its files. */
async function withInstance(bench: Bench, judge: Judge, work: (own: Own) => Promise<void>): Promise<void> {
  const name = `conf-${u32(bench.port.random(4), 0).toString(16)}`
  const reply = await created(
    () => bench.cip(0x08, epath(0x5f, 0), shortText(name)),
    `an instance of 0x5F with the name ${name}`,
  )
  if (reply.status === 0x02) judge.inconclusive('the target has no room for one more instance')
  status(judge, reply, 0)
  const instance = u16(reply.data, 0)
  const files = new Set<number>()
  await puttingBack(
    bench,
    () => work({ instance, files }),
    async () => {
      const file = pathTarget((await bench.get(0x5f, instance, 3)).data.subarray(2))
      if (file?.class === 0x37) files.add(file.instance)
      const left = [await deleted(bench, 0x5f, instance)]
      for (const each of files) left.push(await deleted(bench, 0x37, each))
      return left.find((each) => each !== undefined)
    },
  )
}

/** Create_CSR; the file of the request goes when the instance does. */
async function createCsr(
  bench: Bench,
  { instance, files }: Own,
  strings: Uint8Array,
  session: Pick<EncapsulationLine, 'cip'> = bench,
): Promise<CipReply> {
  const reply = await created(
    () => session.cip(0x4b, epath(0x5f, instance), strings),
    `the file of the request of instance ${instance}`,
  )
  const file = reply.status === 0 ? pathTarget(reply.data.subarray(1)) : undefined
  if (file?.class === 0x37) files.add(file.instance)
  return reply
}

/** The nine strings of Create_CSR; what is missing is empty. */
function csrStrings(values: { readonly common?: string; readonly country?: string }): Uint8Array {
  const strings = [values.common ?? 'conformance', '', '', '', '', values.country ?? '', '', '']
  return concat(...strings.map(shortText))
}

const certificateServices: readonly CaseText[] = [
  {
    id: '5f-create-no-data',
    title: 'Create without a name gets not enough data (0x13)',
    source: '4.3 [O]',
    kind: 'write',
    run: (bench, judge) => creating(bench, 0x5f, undefined, (reply) => status(judge, reply, 0x13)),
  },
  {
    id: '5f-create-delete',
    title: 'Create gives an instance in state 1, and Delete takes it away',
    source: '4.3 [W][O][H]',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async ({ instance }) => {
        judge.sameBytes('state', Uint8Array.of(1), await bench.value(0x5f, instance, 2))
      }),
  },
  {
    id: '5f-create-twice',
    title: 'Create with a name that is there gets object already exists (0x0D)',
    source: '4.3',
    basis: 'inferred',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async ({ instance }) => {
        const name = await bench.value(0x5f, instance, 1)
        await creating(bench, 0x5f, name, (reply) => status(judge, reply, 0x0d))
      }),
  },
  {
    id: '5f-delete-static',
    title: 'instance 1 cannot be deleted: 0x2D',
    source: '4.3 [O]',
    kind: 'write',
    run: async (bench, judge) => status(judge, await bench.cip(0x09, epath(0x5f, 1)), 0x2d),
  },
  {
    id: '5f-csr-static',
    title: 'Create_CSR of instance 1 gets 0x0C',
    source: '4.3 [O]',
    kind: 'write',
    run: async (bench, judge) => status(judge, await bench.cip(0x4b, epath(0x5f, 1), csrStrings({})), 0x0c),
  },
  {
    id: '5f-csr-country',
    title: 'Create_CSR with a country of one letter gets 0x20',
    source: '4.3 [O]',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async (own) =>
        status(judge, await createCsr(bench, own, csrStrings({ country: 'U' })), 0x20),
      ),
  },
  {
    id: '5f-csr-short',
    title: 'Create_CSR with too few strings is refused',
    source: '4.3 [O][W][R]',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async (own) => refused(judge, await createCsr(bench, own, shortText('alone')))),
  },
  {
    id: '5f-csr',
    title:
      'Create_CSR takes the instance to state 2 and gives a file with a PKCS#10 request of the common name asked for',
    source: '4.3 [O][W][R]',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async (own) => {
        const reply = await createCsr(bench, own, csrStrings({ common: 'conformance-csr' }), await bench.session())
        status(judge, reply, 0)
        judge.sameBytes('state', Uint8Array.of(2), await bench.value(0x5f, own.instance, 2))
        const target = pathTarget(reply.data.subarray(1))
        judge.holds(target?.class === 0x37, 'a path to a file', 'another path', reply.data)
        if (target === undefined) return
        const { data } = await upload(bench, judge, target.instance)
        judge.equal('common name', 'conformance-csr', commonNameOf(data))
      }),
  },
  {
    id: '5f-verify-nothing',
    title: 'Verify_Certificate of an instance without certificate gets 0xD0',
    source: '4.3 [H][O]; the parameter is ours',
    basis: 'ours',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async ({ instance }) =>
        status(judge, await bench.cip(0x4c, epath(0x5f, instance), le16(3)), 0xd0),
      ),
  },
  {
    id: '5f-verify-parameter',
    title: 'Verify_Certificate of anything but attributes 3 and 4 gets 0x20',
    source: '4.3',
    basis: 'ours',
    kind: 'write',
    run: (bench, judge) =>
      withInstance(bench, judge, async ({ instance }) =>
        status(judge, await bench.cip(0x4c, epath(0x5f, instance), le16(99)), 0x20),
      ),
  },
]

/** The common name of a PKCS#10 request, PEM or DER. */
function commonNameOf(bytes: Uint8Array): string {
  try {
    const { subject } = decodeRequest(pemOrDer(bytes, 'CERTIFICATE REQUEST'))
    return nameValue(subject, 'CN') ?? '(none)'
  } catch (error) {
    if (error instanceof MalformedMessage) return `(no request: ${error.message})`
    throw error
  }
}

/** What Ingress Egress instance 1 holds. */
interface Rules {
  /** Class attribute 11. */
  readonly count: number
  readonly ingress: Uint8Array
  readonly egress: Uint8Array
}

async function rulesOf(bench: Bench): Promise<Rules> {
  return {
    count: u32(await bench.value(0x63, 0, 11), 0),
    ingress: await bench.value(0x63, 1, 1),
    egress: await bench.value(0x63, 1, 2),
  }
}

/** Set_Rules of instance 1 alone. */
function setRules(bench: Bench, { count, ingress, egress }: Rules): Promise<CipReply> {
  return bench.cip(0x4b, epath(0x63, 0), concat(le32(count), le32(0), le16(1), le16(1), ingress, egress))
}

function sameRules(a: Rules, b: Rules): boolean {
  return equalBytes(a.ingress, b.ingress) && equalBytes(a.egress, b.egress)
}

/** Work at the rules of Ingress Egress; those from before are put back, also where the reply to a change was lost. */
async function withRules(bench: Bench, work: (before: Rules) => Promise<void>): Promise<void> {
  const before = await rulesOf(bench)
  await puttingBack(
    bench,
    () => work(before),
    async () => {
      const now = await rulesOf(bench)
      if (sameRules(before, now)) return undefined
      await setRules(bench, { ...before, count: now.count })
      return sameRules(before, await rulesOf(bench)) ? undefined : '0x63 has other rules than before'
    },
  )
}

const ruleServices: readonly CaseText[] = [
  {
    id: '63-wrong-count',
    title: 'Set_Rules with another change count than class attribute 11 gets 0x0C',
    source: '4.6 [W][R]; the status is ours',
    basis: 'ours',
    kind: 'write',
    needs: [{ class: 0x63 }],
    run: (bench, judge) =>
      withRules(bench, async ({ count }) => {
        const data = concat(le32((count + 7) >>> 0), le32(0), le16(0))
        status(judge, await bench.cip(0x4b, epath(0x63, 0), data), 0x0c)
        judge.equal('change count', count, u32(await bench.value(0x63, 0, 11), 0))
      }),
  },
  {
    id: '63-set-same',
    title: 'Set_Rules with the rules that are there succeeds and adds one to the change count',
    source: '4.6 [W][R]',
    kind: 'write',
    needs: [{ class: 0x63 }],
    run: (bench, judge) =>
      withRules(bench, async (before) => {
        status(judge, await setRules(bench, before), 0)
        const { count, ingress, egress } = await rulesOf(bench)
        judge.equal('change count', (before.count + 1) >>> 0, count)
        judge.sameBytes('ingress rules', before.ingress, ingress)
        judge.sameBytes('egress rules', before.egress, egress)
      }),
  },
  {
    id: '63-bad-rule',
    title: 'Set_Rules with something that is no rule gets 0x20 and changes nothing',
    source: '4.6; grammar and status are ours',
    basis: 'ours',
    kind: 'write',
    needs: [{ class: 0x63 }],
    run: (bench, judge) =>
      withRules(bench, async (before) => {
        const bad = concat(le16(1), shortText('allow conformance=nonsense'))
        status(judge, await setRules(bench, { ...before, ingress: bad }), 0x20)
        judge.sameBytes('ingress rules', before.ingress, await bench.value(0x63, 1, 1))
      }),
  },
  {
    id: 'f5-set-timeout',
    title: 'the encapsulation inactivity timeout (0xF5 attribute 13) can be set, and set back',
    source: '4.8 [W][R]',
    kind: 'write',
    needs: [{ class: 0xf5 }],
    run: async (bench, judge) => {
      const before = await bench.value(0xf5, 1, 13)
      const other = le16(u16(before, 0) === 121 ? 122 : 121)
      const set = async (): Promise<void> => {
        const reply = await bench.cip(0x10, epath(0xf5, 1, 13), other)
        if (reply.status === 0x0f) judge.notApplicable('this link may not set it')
        status(judge, reply, 0)
        judge.sameBytes('value set', other, await bench.value(0xf5, 1, 13))
      }
      await puttingBack(bench, set, async () => {
        await bench.cip(0x10, epath(0xf5, 1, 13), before)
        const now = await bench.value(0xf5, 1, 13)
        return equalBytes(before, now) ? undefined : `the timeout is ${u16(now, 0)} s, and was ${u16(before, 0)} s`
      })
      judge.sameBytes('value set back', before, await bench.value(0xf5, 1, 13))
    },
  },
  {
    id: 'f5-unknown-port',
    title: 'Set_Port_Admin_State for a port that is not listed is refused',
    source: '4.8 [W]',
    kind: 'write',
    needs: [{ class: 0xf5 }],
    run: async (bench, judge) => {
      const data = concat(Uint8Array.of(1), le16(47), Uint8Array.of(6, 0))
      refused(judge, await bench.cip(0x4c, epath(0xf5, 1), data))
    },
  },
]

/** Services, and which state answers them how (cip-security-wire 4.1, 4.2, 4.3, 4.6, 4.8). */
export const serviceCases: readonly ConformanceCase[] = [
  ...cases('services', [], securityServices),
  ...cases('services', [{ class: 0x5f }], certificateServices),
  ...cases('services', [], ruleServices),
]
