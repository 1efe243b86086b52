/** How the command ends, for scripts (design, section 2). */
export const exitCodes = {
  /** Everything asked for was done, every check passed. */
  ok: 0,
  /** It failed; what was begun was undone or can be resumed. */
  error: 1,
  /** The command line or a file that it names is wrong; nothing was touched. */
  usage: 2,
  /** Some devices were done and others not. */
  partly: 3,
  /** Policy or a peer refused. */
  refused: 4,
} as const

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** What each way to end means, for `--help` and the documentation. */
export const exitCodeMeanings: Readonly<Record<string, string>> = {
  0: 'everything asked for was done, every check passed',
  1: 'it failed; what was begun was undone or can be resumed',
  2: 'the command line or a file that it names is wrong; nothing was touched',
  3: 'some of it was done and some was not',
  4: 'a device, the policy or a person refused',
  130: 'ended by Ctrl-C (143: by SIGTERM)',
}
