import type { CaptureReport } from '@cordon/core/capture'
import { describe, expect, it } from 'vitest'
import { captureText } from '../src/capture-text.ts'
import { testOutput } from './test-output.ts'

const nothing: CaptureReport = {
  files: [],
  packets: { packets: 2, tcp: 0, udp: 2, snapped: 0, headersSnapped: 0, conversations: 1, evicted: 0 },
  firstUs: undefined,
  lastUs: undefined,
  notRead: [],
  conversations: [],
  moreConversations: 0,
  connections: [],
  moreConnectionMessages: 0,
  commissioning: [],
  pairs: [],
  anchors: { vendor: 0, plant: 0 },
  keyLogSecrets: 0,
}

function text(changes: Partial<CaptureReport>): string {
  const report = { ...nothing, ...changes }
  return captureText(testOutput().output, {
    report,
    judgement: undefined,
    index: undefined,
    top: 20,
    handshakes: false,
  })
}

describe('the report of a capture for people', () => {
  it('is given whatever times the packets have', () => {
    expect(text({ firstUs: 0, lastUs: 1e25 })).toContain('1970-01-01T00:00:00.000Z to not a date')
    expect(text({ firstUs: Number.NaN, lastUs: 0 })).toContain('not a date to 1970-01-01T00:00:00.000Z')
    expect(text({})).toContain('2 packets, 1 conversation; no packet has a date')
  })
})
