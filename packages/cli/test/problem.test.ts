import { MalformedMessage, NotAllowed, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { describe, expect, it } from 'vitest'
import { exitCodeMeanings, exitCodes } from '../src/exit-codes.ts'
import { problemOf } from '../src/problem.ts'

describe('a command that fails', () => {
  it.each([
    [new UsageError('bad-option', 'x'), exitCodes.usage],
    [new NotAllowed('no-conduit', 'x'), exitCodes.refused],
    [new NotTrusted('unknown-authority', 'x'), exitCodes.refused],
    [new PeerError('general-status', 'x'), exitCodes.refused],
    [new PeerError('alert', 'x'), exitCodes.refused],
    [new PeerError('unexpected-reply', 'x'), exitCodes.error],
    [new TransportError('timeout', 'x'), exitCodes.error],
    [new MalformedMessage('truncated', 'x'), exitCodes.error],
    [new TypeError('x'), exitCodes.error],
    ['a string', exitCodes.error],
  ])('ends by whose fault it is: %s', (error, exitCode) => {
    expect(problemOf(error).exitCode).toBe(exitCode)
  })

  it('keeps code and message of an expected error', () => {
    expect(problemOf(new UsageError('missing', 'no plant file'))).toMatchObject({
      code: 'missing',
      message: 'no plant file',
    })
  })

  it('calls what nobody expected unexpected, and says how to learn more', () => {
    const problem = problemOf(new TypeError('x is not a function'))
    expect(problem.code).toBe('unexpected')
    expect(problem.message).toBe('unexpected: x is not a function (set CORDON_DEBUG=1 for the stack)')
  })

  it('lists what led to it, outermost first', () => {
    const root = new Error('disk full')
    const middle = new TransportError('io', 'writing the journal', { cause: root })
    expect(problemOf(new UsageError('missing', 'no state', { cause: middle })).causes).toEqual([
      'writing the journal',
      'disk full',
    ])
  })

  it('does not repeat a cause that its message tells already', () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:2221')
    const error = new TransportError('refused', `connecting: ${cause.message} (nothing listens there)`, { cause })
    expect(problemOf(error).causes).toEqual([])
  })

  it('ends the list of causes, even where they go round in a circle', () => {
    const error = new Error('a')
    const other = new Error('b', { cause: error })
    error.cause = other
    expect(problemOf(error).causes.length).toBeLessThanOrEqual(8)
  })
})

describe('exit codes', () => {
  it('are those of the design, each with its meaning', () => {
    expect(exitCodes).toEqual({ ok: 0, error: 1, usage: 2, partly: 3, refused: 4 })
    for (const code of Object.values(exitCodes)) expect(exitCodeMeanings[code]).toBeTruthy()
  })
})
