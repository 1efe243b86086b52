import type { Bench } from './bench.ts'
import { type CipReply, epath, u16 } from './frames.ts'
import { describeFinding, type Finding, Found } from './judge.ts'
import { hexadecimal } from '../wire/text.ts'

/** Putting back is tried so often: the session may be the one that the case broke. */
const attempts = 3

/**
 * Does work that changes the target, and puts back what was there before, whatever the work ended with, cancellation
 * included. `restore` writes, reads back, and says in words what is different still, or nothing; it is called again where
 * that did not succeed. A target that is not as it was lets the case fail, and the finding says what is left.
 */
export async function puttingBack(
  bench: Bench,
  work: () => Promise<void>,
  restore: () => Promise<string | undefined>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    const left = await leftBy(bench, restore)
    if (left !== undefined) throw leftBehind(left, error instanceof Found ? error.finding : undefined)
    throw error
  }
  const left = await leftBy(bench, restore)
  if (left !== undefined) throw leftBehind(left, undefined)
}

function leftBy(bench: Bench, restore: () => Promise<string | undefined>): Promise<string | undefined> {
  return bench.uninterrupted(async () => {
    for (let tries = 1; ; tries++) {
      try {
        const left = await restore()
        if (left === undefined || tries === attempts) return left
      } catch (error) {
        if (!(error instanceof Found)) throw error
        if (tries === attempts) return describeFinding(error.finding)
      }
    }
  })
}

function leftBehind(left: string, own: Finding | undefined): Found {
  const bytes = own?.verdict === 'fail' ? own.bytes : undefined
  return new Found({
    verdict: 'fail',
    expected: 'the target as it was before the case',
    got: `it was not put back: ${left}${own === undefined ? '' : `; the case itself: ${describeFinding(own)}`}`,
    ...(bytes === undefined ? {} : { bytes }),
  })
}

/** Creates something named `what`; where no reply comes it may be there all the same, and the finding says so. */
export async function created(create: () => Promise<CipReply>, what: string): Promise<CipReply> {
  try {
    return await create()
  } catch (error) {
    if (!(error instanceof Found)) throw error
    const { finding } = error
    const more = `; ${what} may be left on the target`
    if (finding.verdict === 'fail') throw new Found({ ...finding, got: finding.got + more })
    if (finding.verdict === 'pass') throw error
    throw new Found({ ...finding, reason: finding.reason + more })
  }
}

/** A Create that must be refused; what a wrong target creates all the same is deleted again. */
export async function creating(
  bench: Bench,
  classId: number,
  name: Uint8Array | undefined,
  judged: (reply: CipReply) => void,
): Promise<void> {
  const reply = await created(
    () => bench.cip(0x08, epath(classId, 0), name),
    `an instance of ${hexadecimal(classId, 2)}`,
  )
  await puttingBack(
    bench,
    () => Promise.resolve(judged(reply)),
    () => (reply.status === 0 ? deleted(bench, classId, u16(reply.data, 0)) : Promise.resolve(undefined)),
  )
}

/** Deletes an instance, and says so where it is still there. */
export async function deleted(bench: Bench, classId: number, instance: number): Promise<string | undefined> {
  await bench.cip(0x09, epath(classId, instance))
  const { status } = await bench.get(classId, instance, 1)
  return status === 0x05 || status === 0x16
    ? undefined
    : `instance ${instance} of ${hexadecimal(classId, 2)} is still there: general status ${hexadecimal(status, 2)}`
}
