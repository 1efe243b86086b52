import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText, status, valueText } from '../define.ts'
import { epath } from '../frames.ts'
import type { Judge } from '../judge.ts'
import { wrongWith } from '../layouts.ts'
import { className } from '../needs.ts'
import { type AttributeRow, attributeRows } from './attribute-table.ts'
import { defaultCertificateFile } from './certificate-file.ts'

function instanceOf(bench: Bench, { instance }: AttributeRow): Promise<number> {
  if (instance === 'default-file') return defaultCertificateFile(bench)
  return Promise.resolve(instance === 'class' ? 0 : instance)
}

/** `5d-3`, `5f-class-9`. */
function idOf({ class: code, instance, attribute }: AttributeRow): string {
  return `${code.toString(16).padStart(2, '0')}-${instance === 'class' ? 'class-' : ''}${attribute}`
}

function subject({ class: code, instance, attribute, name }: AttributeRow): string {
  return `${instance === 'class' ? 'class attribute' : 'attribute'} ${attribute} (${name}) of ${className(code)}`
}

function readable(row: AttributeRow): CaseText {
  return {
    id: idOf(row),
    title: `${subject(row)} is ${row.layout.words}`,
    source: row.source,
    basis: row.basis,
    needs: [{ class: row.class }, ...(row.instance === 'default-file' ? [{ class: 0x5f }] : [])],
    run: async (bench, judge) => {
      const reply = await bench.get(row.class, await instanceOf(bench, row), row.attribute)
      if (reply.status === 0x14 && !row.required) judge.notApplicable('the target does not have this attribute')
      status(judge, reply, 0)
      const problem = wrongWith(row.layout, reply.data)
      judge.holds(problem === undefined, row.layout.words, problem ?? valueText(reply.data), reply.data)
    },
  }
}

/** What a Set that must be refused gets: the same value that is there, so that nothing changes even where it is taken. */
async function setOwnValue(bench: Bench, judge: Judge, row: AttributeRow): ReturnType<Bench['cip']> {
  const instance = await instanceOf(bench, row)
  const before = await bench.get(row.class, instance, row.attribute)
  if (before.status !== 0) judge.notApplicable('the target does not have this attribute')
  return bench.cip(0x10, epath(row.class, instance, row.attribute), before.data)
}

function readOnly(row: AttributeRow): CaseText {
  return {
    id: `${idOf(row)}-get-only`,
    title: `${subject(row)} cannot be set: 0x0E, 0x08 where the object has no Set, 0x0C where its state forbids every Set`,
    source: row.source,
    basis: row.basis,
    kind: 'write',
    needs: [{ class: row.class }, ...(row.instance === 'default-file' ? [{ class: 0x5f }] : [])],
    run: async (bench, judge) => {
      const reply = await setOwnValue(bench, judge, row)
      // A file that cannot be written says so before anything else (4.4), and so does the static certificate (4.3).
      // 0x5E takes no Set at all outside of a configuration (4.2).
      const allowed = row.class === 0x37 || row.class === 0x5e || row.class === 0x5f ? [0x0e, 0x08, 0x0c] : [0x0e, 0x08]
      status(judge, reply, allowed)
    },
  }
}

function stagedOnly(row: AttributeRow): CaseText {
  return {
    id: `${idOf(row)}-staged`,
    title: `${subject(row)} cannot be set outside of a configuration: 0x0C`,
    source: row.source,
    basis: row.basis,
    kind: 'write',
    needs: [{ class: row.class }],
    run: async (bench, judge) => {
      const [state] = await bench.value(row.class, 1, 1)
      if (state === 1) judge.notApplicable('the target is being configured')
      const keys = row.attribute === 5 ? await bench.value(row.class, 1, 5) : undefined
      // Keys are not told: a target that took the list would lose them.
      if ((keys?.[0] ?? 0) > 0) judge.notApplicable('keys are there, and could not be put back')
      const reply = await setOwnValue(bench, judge, row)
      // Over a link without confidentiality keys are refused for that first.
      status(judge, reply, row.attribute === 5 ? [0x0c, 0x0f] : 0x0c)
    },
  }
}

/** Type and range of every attribute of the reference (cip-security-wire 4). */
export const attributeCases: readonly ConformanceCase[] = cases('attributes', [], attributeRows.map(readable))

const ofSecurity: readonly number[] = [0x01, 0x37, 0x5d, 0x5e, 0x5f, 0x63]

/** What must not be settable (cip-security-wire 4). */
export const accessCases: readonly ConformanceCase[] = cases(
  'access',
  [],
  [
    ...attributeRows
      .filter((row) => row.access === 'get' && row.instance !== 'class' && ofSecurity.includes(row.class))
      // 0x5F attributes 3 and 4 are settable, only not on the static instance.
      .filter((row) => !(row.class === 0x5f && (row.attribute === 3 || row.attribute === 4)))
      .map(readOnly),
    ...attributeRows.filter((row) => row.access === 'configuration').map(stagedOnly),
    ...[3, 4].map((attribute) => ({
      id: `5f-${attribute}-static`,
      title: `attribute ${attribute} of the static Certificate Management (0x5F) instance 1 cannot be set: 0x0C`,
      source: '4.3 [O][H]',
      kind: 'write' as const,
      needs: [{ class: 0x5f }],
      run: async (bench: Bench, judge: Judge) => {
        const before = await bench.value(0x5f, 1, attribute)
        status(judge, await bench.cip(0x10, epath(0x5f, 1, attribute), before), 0x0c)
      },
    })),
  ],
)
