/**
 * Reads of many askers as few queries: what is asked for while a query is under way goes into the next one together, so
 * that nobody gets what was read before asking.
 */
export function groupedRead<Value>(
  load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  most = 256,
): (key: string) => Promise<Value | undefined> {
  type Asker = (found: Promise<ReadonlyMap<string, Value>>) => void
  let waiting = new Map<string, Asker[]>()
  let isBusy = false

  async function run(): Promise<void> {
    isBusy = true
    // What is asked for in the same turn shares the first query.
    await Promise.resolve()
    while (waiting.size > 0) {
      const all = [...waiting]
      const batch = all.slice(0, most)
      waiting = new Map(all.slice(most))
      const found = load(batch.map(([key]) => key))
      for (const [, askers] of batch) for (const tell of askers) tell(found)
      // Whoever asked hears of a failure; the next may fare better.
      await found.catch(() => undefined)
    }
    isBusy = false
  }

  return async (key) => {
    const found = await new Promise<ReadonlyMap<string, Value>>((resolve) => {
      waiting.set(key, [...(waiting.get(key) ?? []), resolve])
      // `run` handles every failure itself.
      if (!isBusy) void run()
    })
    return found.get(key)
  }
}
