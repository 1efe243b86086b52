/**
 * Joins records that arrive while a commit is under way into the next one: with many writers at once a commit is paid
 * for once per batch, and every caller still waits until its own record is durable.
 */
export interface GroupCommit<T> {
  /** Resolves when the record is committed. Fails with what the commit of its batch failed with. */
  add(record: T): Promise<void>
}

interface Waiting<T> {
  readonly record: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A {@link GroupCommit} over `write`, which commits a batch of 1 to `maxBatch` records in one transaction. */
export function groupCommit<T>(write: (records: readonly T[]) => Promise<void>, maxBatch = 256): GroupCommit<T> {
  let waiting: Waiting<T>[] = []
  let isBusy = false

  async function run(): Promise<void> {
    isBusy = true
    // What was added in the same turn shares the first commit.
    await Promise.resolve()
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatch)
      waiting = waiting.slice(maxBatch)
      await commit(batch)
    }
    isBusy = false
  }

  async function commit(batch: readonly Waiting<T>[]): Promise<void> {
    try {
      await write(batch.map(({ record }) => record))
      for (const { resolve } of batch) resolve()
    } catch (error) {
      const [first, ...rest] = batch
      if (first === undefined) return
      if (rest.length === 0) {
        first.reject(error)
        return
      }
      // One bad record must not fail the others: each is tried alone, and speaks for itself.
      for (const single of batch) await commit([single])
    }
  }

  return {
    add: (record) =>
      new Promise((resolve, reject) => {
        waiting.push({ record, resolve, reject })
        // `run` handles every failure itself.
        if (!isBusy) void run()
      }),
  }
}
