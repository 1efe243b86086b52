/** A source of time: milliseconds that never go back, from an arbitrary origin. */
export type Clock = () => number

/** The machine's monotonic clock in milliseconds, with fractions. */
export const monotonicMs: Clock = () => performance.now()
