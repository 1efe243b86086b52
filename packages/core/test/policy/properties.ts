import * as fc from 'fast-check'

// A failure prints its seed; the fixed one makes each run the same.
fc.configureGlobal({ seed: 20260117, numRuns: 200 })

export { fc }
