import { type GenerationStatus, rolloverCommand } from '@cordon/server/authority'
import { moment } from './dates.ts'
import { type Output, table } from './output.ts'

/** What a generation does and what comes next, in words. */
function standing({ zone, state }: GenerationStatus, isFollowed: boolean): string {
  const activate = rolloverCommand(zone, 'activate')
  switch (state) {
    case 'next':
      return zone === undefined
        ? `published, does not sign yet; next: ${activate}`
        : `trusted by devices that were deployed since; next: cordon apply PLANT, then ${activate}`
    case 'active':
      return isFollowed ? 'signs' : `signs; in good time before its end: ${rolloverCommand(zone, 'prepare')}`
    case 'retiring':
      return `still trusted, signs lists only; when nobody uses its certificates: ${rolloverCommand(zone, 'retire')}`
    case 'retired':
      return 'trusted no more; the next cordon apply PLANT takes it off the devices'
  }
}

/** Generations of CAs for people. */
export function generationTable(output: Output, generations: readonly GenerationStatus[]): string {
  const isFollowed = (one: GenerationStatus) =>
    generations.some(({ zone, state }) => zone === one.zone && (state === 'next' || state === 'retiring'))
  return table(
    output,
    generations,
    [
      { title: 'CA', value: ({ zone }) => zone ?? 'root' },
      { title: 'generation', value: ({ generation }) => String(generation) },
      {
        title: 'state',
        value: ({ state }) => output.state(state === 'active' ? 'good' : 'neutral', state),
      },
      { title: 'key', value: ({ key, inHardware }) => (inHardware ? `${key} in hardware` : key) },
      { title: 'not after', value: ({ notAfter }) => moment(notAfter) },
      { title: 'what it does, what comes next', value: (one) => standing(one, isFollowed(one)) },
      { title: 'SHA-256', value: ({ fingerprint }) => `${fingerprint.slice(0, 16)}…`, rank: 2 },
    ],
    'no authority; make it with "cordon ca init --plant plant.yaml"',
  )
}
