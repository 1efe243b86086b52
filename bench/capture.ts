import { spawn } from 'node:child_process'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaptureChildReport } from './capture-child.ts'
import { writeCapture } from './capture-file.ts'
import { type Figure, median, rounded } from './figure.ts'

const runs = 3
/** Size of the capture, unless the disk has less than four times as much to spare. */
const fullBytes = 1_000_000_000
/** Packets that tshark reads: all of them would take it minutes, and its rate does not rise with their number. */
const slicePackets = 400_000
/** What the process of a run does with the capture, see capture-child. */
const readings = ['network', 'analyze']
const target = { ratio: 5, megabytes: 300 }

/** What an analysis takes from each packet, as tshark calls it. */
const fields = [
  'frame.number',
  'frame.time_epoch',
  'ip.src',
  'ip.dst',
  'udp.srcport',
  'udp.dstport',
  'tcp.srcport',
  'tcp.dstport',
  'enip.command',
  'enip.session',
  'enip.cpf.sai.connid',
  'enip.cpf.sai.seq',
  'cip.seq',
  'cip.service',
  'cip.genstat',
]

/**
 * Reading of a capture of 1 GB from a plant with 200 devices, each run in a process of its own, beside tshark that takes
 * the equivalent fields out of the beginning of the same capture; rates are in packets.
 */
export async function captureFigures(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  try {
    const { bavail, bsize } = await statfs(directory)
    const bytes = Math.min(fullBytes, Math.floor((bavail * bsize) / 4))
    const file = join(directory, 'plant.pcap')
    const slice = join(directory, 'slice.pcap')
    const written = await writeCapture(file, { bytes })
    const beginning = await writeCapture(slice, { packets: slicePackets })
    const tshark: number[] = []
    const reports = new Map<string, CaptureChildReport[]>(readings.map((name) => [name, []]))
    // In turns, so that whatever else the machine does meets all of them.
    for (let run = 0; run < runs; run++) {
      const rate = await tsharkRate(slice, beginning.packets)
      if (rate !== undefined) tshark.push(rate)
      for (const [name, of] of reports) of.push(await child(name, file))
    }
    const baseline = tshark.length === 0 ? undefined : median(tshark)
    const figures = [...reports].flatMap(([name, of]) => readingFigures(name, of, written, baseline))
    return [
      {
        name: 'capture-size',
        value: rounded(written.bytes / 1e6),
        unit: 'MB',
        target: `reported: ${written.packets} packets, ${Math.round((100 * written.class1) / written.packets)} % class 1`,
      },
      ...figures,
    ]
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function readingFigures(
  name: string,
  reports: readonly CaptureChildReport[],
  written: { readonly packets: number; readonly bytes: number; readonly conversations: number },
  baseline: number | undefined,
): Figure[] {
  for (const { packets, conversations } of reports) {
    if (packets !== written.packets || conversations !== written.conversations)
      throw new Error(
        `expected ${written.packets} packets in ${written.conversations} conversations, got ${packets} in ${conversations}`,
      )
  }
  const seconds = median(reports.map((report) => report.seconds))
  const megabytes = median(reports.map((report) => report.megabytes))
  const perSecond = written.packets / seconds
  const ratio = baseline === undefined ? undefined : perSecond / baseline
  return [
    {
      name: `capture-${name}-rate`,
      value: rounded(perSecond),
      unit: 'packets/s',
      ...(baseline === undefined || ratio === undefined ? {} : { baseline: rounded(baseline), ratio: rounded(ratio) }),
      target: ratio === undefined ? 'reported: tshark is not installed' : `at least ${target.ratio} times tshark`,
      ...(ratio === undefined ? {} : { met: ratio >= target.ratio }),
    },
    {
      name: `capture-${name}-throughput`,
      value: rounded(written.bytes / seconds / 1e6),
      unit: 'MB/s',
      target: 'reported',
    },
    {
      name: `capture-${name}-memory`,
      value: rounded(megabytes),
      unit: 'MB',
      target: `under ${target.megabytes} MB`,
      met: megabytes < target.megabytes,
    },
  ]
}

/** Packets in a second that tshark takes the fields from; undefined where it is not installed. */
async function tsharkRate(file: string, packets: number): Promise<number | undefined> {
  const args = ['-n', '-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]
  const started = performance.now()
  const lines = await lineCount('tshark', args)
  if (lines === undefined) return undefined
  if (lines !== packets) throw new Error(`expected ${packets} lines of tshark, got ${lines}`)
  return packets / ((performance.now() - started) / 1000)
}

function lineCount(command: string, args: readonly string[]): Promise<number | undefined> {
  return new Promise((done, fail) => {
    const running = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let lines = 0
    running.stdout.on('data', (part: Buffer) => {
      for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) lines++
    })
    running.on('error', (error) => {
      if ('code' in error && error.code === 'ENOENT') done(undefined)
      else fail(error)
    })
    running.on('close', (code) => {
      if (code === 0) done(lines)
      else fail(new Error(`${command} ended with ${code}`))
    })
  })
}

function child(name: string, file: string): Promise<CaptureChildReport> {
  const program = fileURLToPath(new URL('./capture-child.js', import.meta.url))
  return new Promise((done, fail) => {
    const running = spawn(process.execPath, [program, name, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    running.stdout.on('data', (part: Buffer) => {
      text += part.toString()
    })
    running.on('error', fail)
    running.on('close', (code) => {
      if (code === 0)
        done(JSON.parse(text) as CaptureChildReport) // written by capture-child in the child
      else fail(new Error(`the process that reads the capture ended with ${code}`))
    })
  })
}
