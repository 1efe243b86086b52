import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { markSocket } from '../lib/index.ts'

describe('marking a socket', () => {
  it('takes a mark of 0 to 63 and nothing else', () => {
    for (const dscp of [-1, 64, 1.5, Number.NaN]) {
      expect(() => markSocket(0, dscp)).toThrow(expect.objectContaining({ code: 'bad-option' }))
    }
  })

  it.skipIf(process.platform === 'win32')('names the reason of the system for a descriptor that is no socket', () => {
    expect(() => markSocket(99_999, 0)).toThrow(/EBADF/)
  })

  it.skipIf(process.platform === 'win32').each(['127.0.0.1', '::1'])('marks a socket of %s', async (host) => {
    const server = createServer()
    // A machine without IPv6 has no ::1.
    const isOpen = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(0, host, () => resolve(true))
    })
    if (!isOpen) return
    const { _handle } = server as unknown as { _handle: { fd: number } } // what a socket is known by is not in Node's types
    expect(() => markSocket(_handle.fd, 46)).not.toThrow()
    server.close()
  })

  it.skipIf(process.platform !== 'win32')('says that Windows has no such call', () => {
    expect(() => markSocket(0, 46)).toThrow(expect.objectContaining({ code: 'not-supported' }))
  })
})
