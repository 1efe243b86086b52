import { createOutput, type Output, type OutputFormat } from '../src/output.ts'

/** An output whose two streams are kept as text. */
export interface TestOutput {
  readonly output: Output
  /** What went to standard output. */
  stdout(): string
  /** What went to standard error. */
  stderr(): string
}

/** How a {@link testOutput} differs from a pipe of 100 columns. */
export interface TestOutputOptions {
  readonly format?: OutputFormat
  readonly width?: number
  /** Both streams are terminals. */
  readonly terminal?: boolean
  readonly environment?: Readonly<Record<string, string>>
}

/** An output for tests. */
export function testOutput(options: TestOutputOptions = {}): TestOutput {
  const { format = 'table', width, terminal = false, environment = {} } = options
  let stdout = ''
  let stderr = ''
  const output = createOutput({
    format,
    stdout: {
      isTTY: terminal,
      write: (text) => {
        stdout += text
      },
      ...(width === undefined ? {} : { columns: width }),
    },
    stderr: {
      isTTY: terminal,
      write: (text) => {
        stderr += text
      },
    },
    environment,
  })
  return { output, stdout: () => stdout, stderr: () => stderr }
}
