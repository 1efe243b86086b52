/** One row of a state table: what an event does in some states. */
export interface Transition<State extends string, Event extends string> {
  /** States in which the row holds; `any` is every state. */
  readonly from: readonly State[] | 'any'
  readonly event: Event
  /** What must hold besides, in words; whoever raises the event has checked it. */
  readonly when?: string
  /** The state afterwards; `previous` is the one before the configuration began, `same` stays. */
  readonly to: State | 'previous' | 'same'
  /** What happens besides, in words. */
  readonly effect?: string
}

/** A state machine as data: documentation and tests print and walk the very table that devices obey. */
export interface StateMachine<State extends string, Event extends string> {
  readonly name: string
  /** States with their numbers on the wire. */
  readonly states: Readonly<Record<State, number>>
  readonly initial: State
  readonly transitions: readonly Transition<State, Event>[]
  /** General status of a request that no row allows. */
  readonly refusal: number
}

/** Where an event leads from a state, or nothing when the table does not allow it: the request is refused. */
export function nextState<State extends string, Event extends string>(
  machine: StateMachine<State, Event>,
  state: State,
  event: Event,
  previous: State = machine.initial,
): State | undefined {
  for (const row of machine.transitions) {
    if (row.event !== event || (row.from !== 'any' && !row.from.includes(state))) continue
    return row.to === 'previous' ? previous : row.to === 'same' ? state : row.to
  }
  return undefined
}

/** A state machine as a Markdown section: one row per state and event. */
export function printStateMachine<State extends string, Event extends string>(
  machine: StateMachine<State, Event>,
): string {
  // Object.keys widens the names to string.
  const states = Object.keys(machine.states) as State[]
  const label = (state: State) => `${words(state)} (${machine.states[state]})`
  const rows = machine.transitions.map((row) => {
    const from = row.from === 'any' ? 'any' : row.from.map(label).join(', ')
    const to = row.to === 'previous' ? 'the state before' : row.to === 'same' ? 'unchanged' : label(row.to)
    return `| ${from} | ${words(row.event)} | ${row.when ?? ''} | ${to} | ${row.effect ?? ''} |`
  })
  const refusal = `0x${machine.refusal.toString(16).toUpperCase().padStart(2, '0')}`
  return [
    `### ${machine.name}`,
    '',
    `States: ${states.map(label).join(', ')}. It begins in ${label(machine.initial)}; a request that no row allows is refused with ${refusal}.`,
    '',
    '| from | event | when | to | besides |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

function words(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
}
