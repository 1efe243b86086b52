import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, type RunOptions } from './cli.ts'

const secret = '0123456789abcdef0123456789abcdef'

let work = ''

const run = (args: readonly string[], options: RunOptions = {}) =>
  cordon(args, { directory: work, ...options, environment: { CORDON_STATE: join(work, 'state') } })

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-notify-'))
})

afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

describe('the channels of an enrollment file', () => {
  it('are tested with stored secrets, and shown', async () => {
    const signatures: unknown[] = []
    const server = createServer((request, response) => {
      signatures.push(request.headers['cordon-signature'])
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // of a listening TCP server
    const rules = `version: 1
labels: { default: { administrator: {} } }
notify:
  webhooks: { soc: { url: 'http://127.0.0.1:${port}/', secret: soc-webhook } }
  syslog: { siem: { host: 127.0.0.1, port: 9, transport: tcp } }
`
    await writeFile(join(work, 'enrollment.yaml'), rules)
    try {
      const test = ['enrollment', 'notify', 'test', '--rules', 'enrollment.yaml', '--output', 'json']
      const before = await run(test)
      expect(before.status).toBe(1)
      expect(before.stdout).toContain('cordon secret add soc-webhook')
      expect(await run(['secret', 'add', 'soc-webhook', '--file', '-'], { input: `${secret}\n` })).toMatchObject({
        status: 0,
        stdout: 'stored soc-webhook: 32 bytes. The secret itself is never shown.\n',
      })
      const tested = await run(test)
      expect(tested.status, tested.stderr).toBe(3)
      expect(JSON.parse(tested.stdout)).toMatchObject({
        channels: [
          { channel: 'soc', result: 'sent', error: null },
          { channel: 'siem', result: 'failed', error: expect.stringContaining('ECONNREFUSED') },
        ],
      })
      expect(signatures).toHaveLength(1)
      const shown = await run(['enrollment', 'notify', 'status', '--rules', 'enrollment.yaml'])
      expect(shown.stdout).toMatch(/^channel .*\nsoc +0 +0 +0\nsiem +0 +0 +0\n$/)
      expect(await run(['secret', 'list'])).toMatchObject({ stdout: expect.stringContaining('soc-webhook') })
      expect(await run(['secret', 'remove', 'soc-webhook'])).toMatchObject({ status: 0 })
      expect(await run(['secret', 'remove', 'soc-webhook'])).toMatchObject({ status: 2 })
      expect(before.stdout + tested.stdout + tested.stderr + shown.stdout).not.toContain(secret)
    } finally {
      server.close()
    }
  })

  it('are refused with line and column', async () => {
    await writeFile(
      join(work, 'bad.yaml'),
      'version: 1\nlabels: { default: { administrator: {} } }\nnotify: { pager: {} }\n',
    )
    const { status, stderr } = await run(['enrollment', 'notify', 'test', '--rules', 'bad.yaml'])
    expect(status).toBe(2)
    expect(stderr).toContain('bad.yaml:3:11: ')
  })
})
