import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText, status } from '../define.ts'
import { concat, epath, u16, u32 } from '../frames.ts'
import type { Judge } from '../judge.ts'
import { pathTarget } from '../layouts.ts'
import { hexadecimal } from '../../wire/text.ts'
import { portEntries } from './port-admin.ts'
import { suiteRows } from './suite-table.ts'

/** Suites of an attribute, in order (4.2: IANA numbers, big-endian). */
export function suitesIn(value: Uint8Array): number[] {
  return Array.from({ length: value[0] ?? 0 }, (_, i) => ((value[1 + i * 2] ?? 0) << 8) | (value[2 + i * 2] ?? 0))
}

const words = (list: readonly number[]): string => list.map((id) => hexadecimal(id, 4)).join(' ') || 'none'

/** Paths of an attribute, as the bytes behind their sizes. */
function pathsIn(value: Uint8Array): Uint8Array[] {
  const paths: Uint8Array[] = []
  let at = 1
  for (let left = value[0] ?? 0; left > 0 && at < value.length; left--) {
    const end = at + 1 + (value[at] ?? 0) * 2
    paths.push(value.slice(at + 1, end))
    at = end
  }
  return paths
}

/** Get_Attributes_All gives these attributes one behind the other. */
function allOf(code: number, instance: number, ids: readonly number[], source: string): CaseText {
  const level = instance === 0 ? 'class' : 'instance'
  return {
    id: `${code.toString(16)}-get-all-${level}`,
    title: `Get_Attributes_All of 0x${code.toString(16).toUpperCase()} (${level}) gives attributes ${ids.join(', ')} in this order`,
    source,
    needs: [{ class: code }],
    run: async (bench, judge) => {
      const all = await bench.cip(0x01, epath(code, instance))
      if (all.status === 0x08) judge.notApplicable('no Get_Attributes_All')
      status(judge, all, 0)
      const parts: Uint8Array[] = []
      for (const id of ids) parts.push(await bench.value(code, instance, id))
      const wanted = concat(...parts)
      judge.sameBytes('attributes', wanted, all.data.subarray(0, wanted.length))
      judge.equal('length', wanted.length, all.data.length, all.raw)
    },
  }
}

/** The highest attribute that answers must be the one that the class names. */
function highest(code: number, source: string): CaseText {
  return {
    id: `${code.toString(16)}-max-attribute`,
    title: `no attribute of 0x${code.toString(16).toUpperCase()} lies above class attribute 7, and that one is there`,
    source,
    needs: [{ class: code }],
    run: async (bench, judge) => {
      const most = u16(await bench.value(code, 0, 7), 0)
      const there = await bench.get(code, 1, most)
      status(judge, there, 0)
      for (const beyond of [most + 1, most + 2]) status(judge, await bench.get(code, 1, beyond), 0x14)
    },
  }
}

function revision(code: number, most: number, least: number, source: string): CaseText {
  return {
    id: `${code.toString(16)}-revision`,
    title: `the revision of 0x${code.toString(16).toUpperCase()} is one that public sources show (${least} to ${most})`,
    source,
    needs: [{ class: code }],
    run: async (bench, judge) => {
      const number = u16(await bench.value(code, 0, 1), 0)
      judge.holds(number >= least && number <= most, `${least} to ${most}`, String(number))
    },
  }
}

/** Every path of a list must lead to an object that is there. */
function leads(attribute: number, name: string, source: string): CaseText {
  return {
    id: `5e-${attribute}-leads`,
    title: `every path of attribute ${attribute} (${name}) of 0x5E leads to an object that is there`,
    source,
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => {
      const paths = pathsIn(await bench.value(0x5e, 1, attribute))
      if (paths.length === 0) judge.notApplicable('the list is empty')
      for (const bytes of paths) {
        const target = pathTarget(bytes)
        judge.holds(target !== undefined, 'class and instance', 'another path', bytes)
        if (target === undefined) return
        const reply = await bench.get(target.class, target.instance, 1)
        judge.code(`status of 0x${target.class.toString(16)}/${target.instance}`, 0, reply.status, 2, reply.raw)
      }
    },
  }
}

/** Allowed suites must be available ones. */
function subset(allowed: number, available: number, source: string): CaseText {
  return {
    id: `5e-${allowed}-subset`,
    title: `attribute ${allowed} of 0x5E allows only suites that attribute ${available} has`,
    source,
    needs: [{ class: 0x5e }],
    run: async (bench, judge) => {
      const offered = suitesIn(await bench.value(0x5e, 1, available))
      const chosen = suitesIn(await bench.value(0x5e, 1, allowed))
      const strange = chosen.filter((id) => !offered.includes(id))
      judge.equal('suites that are not available:', 'none', words(strange))
    },
  }
}

async function fourStates(bench: Bench): Promise<readonly [cip: number, enip: number]> {
  return [(await bench.value(0x5d, 1, 1))[0] ?? 0xff, (await bench.value(0x5e, 1, 1))[0] ?? 0xff]
}

/** Attributes against each other (cip-security-wire 4). */
export const consistencyCases: readonly ConformanceCase[] = cases(
  'consistency',
  [],
  [
    allOf(0x5d, 1, [1, 2], '4.1 [W][R]'),
    allOf(0x5d, 0, [1, 2, 6, 7], '4.1 [R]'),
    allOf(0x5e, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17], '4.2 [W][R]'),
    allOf(0x5e, 0, [1, 2, 6, 7], '4.2 [R]'),
    allOf(0x5f, 1, [1, 2, 3, 4, 5], '4.3 [W][R]'),
    allOf(0x5f, 0, [1, 2, 6, 7, 8, 9, 10], '4.3 [W][R]'),
    allOf(0x63, 1, [1, 2], '4.6 [W][R]'),
    allOf(0x63, 0, [1, 2, 3, 6, 7, 8, 9, 10, 11], '4.6 [W][R]'),
    allOf(0xf5, 1, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], '4.8 [W]'),
    ...([0x5d, 0x5e, 0x5f, 0x63] as const).map((code) => highest(code, '2.7 [W][R]')),
    revision(0x5d, 4, 1, '4.1 [O][H][R]'),
    revision(0x5e, 9, 1, '4.2 [O][H][R]'),
    revision(0x5f, 3, 1, '4.3 [O][H][R]'),
    revision(0x37, 3, 1, '4.4'),
    revision(0x63, 1, 1, '4.6 [W][R]'),
    subset(4, 3, '4.2 [W][H][R]'),
    subset(19, 18, '4.2 [R][P317]'),
    ...([3, 4, 18, 19] as const).map(
      (attribute): CaseText => ({
        id: `5e-${attribute}-known`,
        title: `attribute ${attribute} of 0x5E lists suites of CIP Security, big-endian, each once`,
        source: '4.2, 5.2 [W][H][R]',
        needs: [{ class: 0x5e }],
        run: async (bench, judge) => {
          const list = suitesIn(await bench.value(0x5e, 1, attribute))
          const known = new Set(suiteRows.map(({ id }) => id))
          const strange = list.filter((id) => !known.has(id) && (id & 0xff00) !== 0x1300)
          judge.equal('suites that the reference does not list:', 'none', words(strange))
          judge.equal('suites listed twice:', 'none', words(list.filter((id, i) => list.indexOf(id) !== i)))
        },
      }),
    ),
    {
      id: '5e-3-not-empty',
      title: 'attribute 3 of 0x5E offers at least one suite',
      source: '4.2 [W][H][R]',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const list = suitesIn(await bench.value(0x5e, 1, 3))
        judge.holds(list.length > 0, 'at least one suite', words(list))
      },
    },
    {
      id: '5e-4-default-confidential',
      title: 'a factory-new target allows only suites that encrypt',
      source: '4.2, 5.2 [P317] since edition 1.13',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => {
        const open = suitesIn(await bench.value(0x5e, 1, 4)).filter(
          (id) => suiteRows.find((row) => row.id === id)?.encrypts !== true,
        )
        judge.equal('suites without encryption:', 'none', words(open))
      },
    },
    {
      id: '5e-4-default-no-psk',
      title: 'a factory-new target allows no PSK suite',
      source: '4.2, 5.2 [P317] since edition 1.13',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => {
        const psk = suitesIn(await bench.value(0x5e, 1, 4)).filter(
          (id) => suiteRows.find((row) => row.id === id)?.proof === 'psk',
        )
        judge.equal('PSK suites:', 'none', words(psk))
      },
    },
    {
      id: '5e-5-slots',
      title: 'attribute 5 of 0x5E holds no more keys than class attribute 8 says',
      source: '4.2 [O][R]',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const slots = u16(await bench.value(0x5e, 0, 8), 0)
        const [keys = 0] = await bench.value(0x5e, 1, 5)
        judge.holds(keys <= slots, `at most ${slots} keys`, `${keys} keys`)
      },
    },
    {
      id: '5e-5-default',
      title: 'a factory-new target has no pre-shared key',
      source: '4.2 [W][H][R]',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => judge.sameBytes('keys', Uint8Array.of(0), await bench.value(0x5e, 1, 5)),
    },
    {
      id: '5e-6-default',
      title: 'a factory-new target uses Certificate Management instance 1',
      source: '4.2 [O]',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) =>
        judge.sameBytes('paths', Uint8Array.of(1, 2, 0x20, 0x5f, 0x24, 0x01), await bench.value(0x5e, 1, 6)),
    },
    {
      id: '5e-7-default',
      title: 'a factory-new target trusts no authority',
      source: '4.2 [O]',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => judge.sameBytes('authorities', Uint8Array.of(0), await bench.value(0x5e, 1, 7)),
    },
    {
      id: '5e-8-default',
      title: 'a factory-new target has no revocation list',
      source: '4.2 [O][R]',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => judge.sameBytes('lists', Uint8Array.of(0), await bench.value(0x5e, 1, 8)),
    },
    ...(
      [
        [9, 'verifies no client certificate', '4.2 [O][CPwE]'],
        [10, 'sends its leaf certificate alone', '4.2 [O]'],
        [11, 'does not check dates', '4.2 [O][G17]'],
      ] as const
    ).map(
      ([attribute, what, source]): CaseText => ({
        id: `5e-${attribute}-default`,
        title: `a factory-new target ${what}`,
        source,
        needs: [{ class: 0x5e }, 'factory'],
        run: async (bench, judge) =>
          judge.sameBytes(`attribute ${attribute}`, Uint8Array.of(0), await bench.value(0x5e, 1, attribute)),
      }),
    ),
    {
      id: '5e-12-default',
      title: 'a factory-new target trusts no single identity',
      source: '4.2 [W][H][R]',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => judge.sameBytes('identities', Uint8Array.of(0), await bench.value(0x5e, 1, 12)),
    },
    {
      id: '5e-17-default',
      title: 'a factory-new target checks no subject alternative name',
      source: '4.2',
      basis: 'inferred',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => judge.sameBytes('attribute 17', Uint8Array.of(0), await bench.value(0x5e, 1, 17)),
    },
    {
      id: '5e-15-range',
      title: 'the DTLS timeout is 1 to 3600 seconds',
      source: '4.2 [H][FTPM]',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const seconds = u16(await bench.value(0x5e, 1, 15), 0)
        judge.holds(seconds >= 1 && seconds <= 3600, '1 to 3600', String(seconds))
      },
    },
    {
      id: '5e-15-default',
      title: 'a factory-new target has a DTLS timeout of 12 seconds',
      source: '4.2 [H][FTPM]',
      needs: [{ class: 0x5e }, 'factory'],
      run: async (bench, judge) => judge.equal('DTLS timeout', 12, u16(await bench.value(0x5e, 1, 15), 0)),
    },
    {
      id: '5e-14-disabled',
      title: 'the pull model status is 0xFFFF exactly where the pull model is disabled',
      source: '4.2 [O][H]',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const [enabled] = await bench.value(0x5e, 1, 13)
        const pull = u16(await bench.value(0x5e, 1, 14), 0)
        judge.equal('status is 0xFFFF', enabled === 0, pull === 0xffff)
      },
    },
    {
      id: '5e-state-disabled',
      title: 'state 5 (pull model disabled) goes with attribute 13 false',
      source: '4.2 [O][H]',
      needs: [{ class: 0x5e }],
      run: async (bench, judge) => {
        const [state] = await bench.value(0x5e, 1, 1)
        const [enabled = 0] = await bench.value(0x5e, 1, 13)
        judge.holds(
          state !== 5 || enabled === 0,
          'pull model enabled only outside of state 5',
          `state ${state}, ${enabled}`,
        )
      },
    },
    {
      id: 'states-agree',
      title: 'a configured CIP Security object has a configured EtherNet/IP Security object',
      source: '4.1, 4.2, 6.1 [W][H][O]',
      needs: [{ class: 0x5d }, { class: 0x5e }, 'configured'],
      run: async (bench, judge) => {
        const [, enip] = await fourStates(bench)
        judge.holds(enip === 2 || enip === 4, 'state 2 or 4 of 0x5E', `state ${enip}`)
      },
    },
    {
      id: 'states-factory',
      title: 'a factory-new CIP Security object has no configured EtherNet/IP Security object',
      source: '4.1, 4.2 [W][H][O]',
      needs: [{ class: 0x5d }, { class: 0x5e }, 'factory'],
      run: async (bench, judge) => {
        const [, enip] = await fourStates(bench)
        judge.holds(enip !== 2, 'not state 2 of 0x5E', `state ${enip}`)
      },
    },
    {
      id: 'profiles-configured-subset',
      title: 'the configured profiles are among the implemented ones',
      source: '4.1, 1.7 [W][H][O]',
      needs: [{ class: 0x5d }],
      run: async (bench, judge) => {
        const implemented = u16(await bench.value(0x5d, 1, 2), 0)
        const configured = u16(await bench.value(0x5d, 1, 3), 0)
        judge.equal('profiles that are not implemented', 0, configured & ~implemented)
      },
    },
    {
      id: 'profiles-configured-none',
      title: 'a factory-new target has no profile configured',
      source: '4.1; [O] sets bit 1 already',
      basis: 'ours',
      needs: [{ class: 0x5d }, 'factory'],
      run: async (bench, judge) => judge.equal('configured profiles', 0, u16(await bench.value(0x5d, 1, 3), 0)),
    },
    {
      id: 'profiles-none-obsolete',
      title: 'the obsolete integrity profile (bit 0) and the reserved bit 2 are not claimed',
      source: '1.7 [W][H][O]',
      needs: [{ class: 0x5d }],
      run: async (bench, judge) => judge.equal('bits 0 and 2', 0, u16(await bench.value(0x5d, 1, 2), 0) & 0b101),
    },
    {
      id: 'profiles-confidentiality-suites',
      title: 'a target of the Confidentiality profile has every required ECC suite',
      source: '5.2 [H]; 1.16 demotes several, which ones is not public',
      basis: 'inferred',
      needs: [{ class: 0x5d }, { class: 0x5e }],
      run: async (bench, judge) => {
        if ((u16(await bench.value(0x5d, 1, 2), 0) & 2) === 0) judge.notApplicable('not a target of that profile')
        const offered = suitesIn(await bench.value(0x5e, 1, 3))
        const missing = suiteRows
          .filter(({ id, proof }) => proof === 'ecdsa' && !offered.includes(id))
          .map(({ id }) => id)
        judge.equal('required suites that are missing:', 'none', words(missing))
      },
    },
    leads(6, 'Active Device Certificates', '4.2 [W][H][R]'),
    leads(7, 'Trusted Authorities', '4.2 [W][H][R]'),
    leads(8, 'Certificate Revocation List', '4.2 [W][R]'),
    leads(12, 'Trusted Identities', '4.2 [W][H][R]'),
    {
      id: '5e-6-verified',
      title: 'the active device certificate is a verified one',
      source: '4.2, 4.3, 6.1 [W][H]',
      needs: [{ class: 0x5e }, { class: 0x5f }],
      run: async (bench, judge) => {
        const [first] = pathsIn(await bench.value(0x5e, 1, 6))
        const target = first === undefined ? undefined : pathTarget(first)
        if (target === undefined) judge.notApplicable('no active certificate')
        else judge.sameBytes('state', Uint8Array.of(3), await bench.value(0x5f, target.instance, 2))
      },
    },
    {
      id: '5f-1-static',
      title: 'Certificate Management instance 1 is there and verified',
      source: '4.3 [O][H]',
      needs: [{ class: 0x5f }],
      run: async (bench, judge) => judge.sameBytes('state', Uint8Array.of(3), await bench.value(0x5f, 1, 2)),
    },
    {
      id: '5f-list-names',
      title: 'the certificate list names every instance as the instance names itself',
      source: '4.3 [W][O][H]',
      needs: [{ class: 0x5f }],
      run: async (bench, judge) => {
        const value = await bench.value(0x5f, 0, 9)
        judge.holds((value[0] ?? 0) > 0, 'at least instance 1', `${value[0] ?? 0} entries`, value)
        let at = 1
        for (let left = value[0] ?? 0; left > 0; left--) {
          const nameEnd = at + 1 + (value[at] ?? 0)
          const pathEnd = nameEnd + 1 + (value[nameEnd] ?? 0) * 2
          const target = pathTarget(value.subarray(nameEnd + 1, pathEnd))
          judge.holds(target?.class === 0x5f, 'a path to 0x5F', 'another path', value)
          if (target === undefined) return
          judge.sameBytes(
            `name of instance ${target.instance}`,
            value.subarray(at, nameEnd),
            await bench.value(0x5f, target.instance, 1),
          )
          at = pathEnd
        }
      },
    },
    {
      id: '5f-encoding',
      title: 'the encoding of instance 1 is one that class attribute 10 has',
      source: '4.3 [W][O][H]',
      needs: [{ class: 0x5f }],
      run: async (bench, judge) => {
        const flags = u32(await bench.value(0x5f, 0, 10), 0)
        const [encoding = 0xff] = await bench.value(0x5f, 1, 5)
        judge.holds(((flags >> encoding) & 1) === 1, `an encoding of flags ${flags}`, `encoding ${encoding}`)
      },
    },
    {
      id: '5f-push',
      title: 'class attribute 8 of 0x5F says that the push model works (bit 0) or the pull model (bit 1)',
      source: '4.3 [W][O][H]',
      needs: [{ class: 0x5f }],
      run: async (bench, judge) => {
        const flags = u32(await bench.value(0x5f, 0, 8), 0)
        judge.holds((flags & 3) !== 0, 'bit 0 or 1', `flags ${flags}`)
      },
    },
    {
      id: '63-count',
      title: 'class attribute 3 of 0x63 counts its instances',
      source: '2.7, 4.6 [W][R]',
      needs: [{ class: 0x63 }],
      run: async (bench, judge) => {
        const count = u16(await bench.value(0x63, 0, 3), 0)
        judge.holds(count >= 1, 'at least one', String(count))
        const beyond = u16(await bench.value(0x63, 0, 2), 0) + 1
        status(judge, await bench.get(0x63, beyond, 1), [0x05, 0x16])
      },
    },
    {
      id: 'f5-ports-once',
      title: 'attribute 14 of 0xF5 lists every port once',
      source: '4.8 [W][R]',
      needs: [{ class: 0xf5 }],
      run: async (bench, judge) => {
        const names = portEntries(await bench.value(0xf5, 1, 14)).map(({ port, protocol }) => `${port}/${protocol}`)
        judge.holds(names.length > 0, 'at least one port', 'none')
        judge.equal('ports listed twice:', 0, names.length - new Set(names).size)
      },
    },
    {
      id: 'reserved-classes',
      title: 'the classes whose layout is not public (0x60 to 0x62) are not answered by an invention',
      source: '4.5, 7',
      basis: 'ours',
      needs: [{ class: 0x5d }],
      run: async (bench: Bench, judge: Judge) => {
        for (const code of [0x60, 0x61, 0x62]) status(judge, await bench.get(code, 1, 1), [0x05, 0x16])
      },
    },
  ],
)
