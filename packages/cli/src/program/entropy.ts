import { InvalidArgumentError } from 'commander'
import type { Declare } from './declare.ts'

/** Most samples that are read into memory at once: ten times a full assessment. */
const mostSamples = 10_000_000

/** @throws InvalidArgumentError for anything but a whole number in the range */
function whole(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= from && value <= to)) throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`)
    return value
  }
}

/** The commands about entropy. */
export function addEntropy({ add, group }: Declare): void {
  const entropy = group('entropy', 'how unpredictable a noise source is', 'entropy assess samples.bin --bits 8')
  add(
    entropy,
    'assess <samples>',
    'min-entropy per sample by the estimators of NIST SP 800-90B, for a source that need not be IID',
    'entropy assess samples.bin --bits 8',
    async () => (await import('../commands/entropy-assess.ts')).run,
  )
    .option('--bits <width>', 'bits of a sample, 1 to 8', whole(1, 8), 8)
    .option('--samples <count>', 'samples to read from the beginning', whole(1000, mostSamples), 1_000_000)
    .option('--packed', 'samples of 1, 2 or 4 bits lie packed in bytes, highest bits first')
  add(
    entropy,
    'record <samples>',
    'samples of a source of this machine, raw and one per byte, to assess',
    'entropy record samples.bin --source jitter',
    async () => (await import('../commands/entropy-record.ts')).run,
  )
    .option('--source <name>', 'jitter, system, or the path of a device, pipe or file', 'jitter')
    .option('--samples <count>', 'how many', whole(1, mostSamples), 1_000_000)
    .option('--force', 'replace a file of that name')
}
