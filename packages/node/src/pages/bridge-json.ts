import type { BridgeDirection, BridgeRow } from '@cordon/core/tables'
import { utf8 } from './utf8.ts'

/** Signs that become bytes at a time. Text of megabytes in one piece costs several times as much. */
const pieceLength = 32_768

/** Bridge connections as `JSON.stringify` writes an array of them, to the letter, in bytes: no other table is as long. */
export function bridgeJson(rows: Iterable<BridgeRow>): readonly Uint8Array[] {
  const begin = unlessSame(beginText, hasSameBegin)
  const middle = unlessSame(middleText, hasSameMiddle)
  const end = unlessSame(endText, hasSameEnd)
  const pieces: Uint8Array[] = []
  let text = ''
  let before = '['
  for (const row of rows) {
    text += `${before}${begin(row)}${row.uptimeS}${middle(row)}${row.missed},"serial":${row.serial}${end(row)}`
    before = ','
    if (text.length < pieceLength) continue
    pieces.push(utf8(text))
    text = ''
  }
  pieces.push(utf8(before === '[' ? '[]' : `${text}]`))
  return pieces
}

/** Rows that follow each other mostly say the same in all but their numbers: that text is written once. */
function unlessSame(
  write: (row: BridgeRow) => string,
  isSame: (a: BridgeRow, b: BridgeRow) => boolean,
): (row: BridgeRow) => string {
  let last: BridgeRow | undefined
  let text = ''
  return (row) => {
    if (last === undefined || !isSame(last, row)) text = write(row)
    last = row
    return text
  }
}

function beginText(row: BridgeRow): string {
  return `{"class":${row.class},"state":${JSON.stringify(row.state)},"uptimeS":`
}

function hasSameBegin(a: BridgeRow, b: BridgeRow): boolean {
  return a.class === b.class && a.state === b.state
}

function middleText({ originator, target, originatorToTarget, targetToOriginator }: BridgeRow): string {
  const middle = JSON.stringify({ originator, target, originatorToTarget, targetToOriginator })
  return `,${middle.slice(1, -1)},"missed":`
}

function hasSameMiddle(a: BridgeRow, b: BridgeRow): boolean {
  return (
    // The source makes each end once for all rows.
    a.originator === b.originator &&
    a.target === b.target &&
    hasSameDirection(a.originatorToTarget, b.originatorToTarget) &&
    hasSameDirection(a.targetToOriginator, b.targetToOriginator)
  )
}

function hasSameDirection(a: BridgeDirection, b: BridgeDirection): boolean {
  return a.size === b.size && a.variable === b.variable && a.rpiUs === b.rpiUs && a.multicast === b.multicast
}

function endText({ confidentiality, transport, side }: BridgeRow): string {
  return `,${JSON.stringify({ confidentiality, transport, side }).slice(1)}`
}

function hasSameEnd(a: BridgeRow, b: BridgeRow): boolean {
  return a.confidentiality === b.confidentiality && a.transport === b.transport && a.side === b.side
}
