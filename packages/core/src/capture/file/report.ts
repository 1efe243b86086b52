/** Something in a capture file that is not as its format says. */
export interface CaptureFileProblem {
  /** Where in the file, bytes from its beginning (of the unpacked file where it was compressed). */
  readonly offset: number
  /** What was expected there, what came, and what was done about it. */
  readonly message: string
}

/** An interface that packets were captured on. */
export interface CaptureInterface {
  readonly linkType: number
  /** Bytes kept of each packet at most; 0: no limit. */
  readonly snapLength: number
  /** As the capturing machine called it; undefined where the file does not say. */
  readonly name: string | undefined
}

/** What was found in a capture file, readable and not. */
export interface CaptureFileReport {
  /** Undefined until enough was read to tell. */
  readonly format: 'pcap' | 'pcapng' | undefined
  /** Bytes that were pushed. */
  readonly bytes: number
  /** Packets handed on. */
  readonly packets: number
  /** Packet records that are recognised as such and could not be handed on. */
  readonly unreadable: number
  /** Bytes in no readable record: what was skipped to find the next one, or lies behind the point of no return. */
  readonly lostBytes: number
  /** Well-formed blocks that carry nothing of use here: names, statistics, comments, foreign ones. */
  readonly otherBlocks: number
  /** Packets that the capturing machine itself says it lost; 0 also where the file does not say. */
  readonly dropped: number
  /** Packets without a time in the file (Simple Packet Blocks): they have the time of the packet before. */
  readonly untimed: number
  /** The first problems, see {@link maxProblems}. */
  readonly problems: readonly CaptureFileProblem[]
  /** All problems. */
  readonly problemCount: number
  /** Reading ended before the end of the file. */
  readonly stopped: boolean
  readonly interfaces: readonly CaptureInterface[]
}

/** How many problems are described; the others are counted. */
export const maxProblems = 20

/** What a reader counts while it reads: the report in the making. */
export class FileCounts {
  packets = 0
  unreadable = 0
  lostBytes = 0
  otherBlocks = 0
  dropped = 0
  untimed = 0
  stopped = false
  problemCount = 0
  readonly problems: CaptureFileProblem[] = []
  readonly interfaces: CaptureInterface[] = []

  /** Notes a problem, the first ones with their words. */
  problem(offset: number, message: string): void {
    this.problemCount++
    if (this.problems.length < maxProblems) this.problems.push({ offset, message: `at byte ${offset}: ${message}` })
  }
}
