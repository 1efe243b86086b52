import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshDemoState } from '../src/demo-state.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-demo-state-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('an empty directory, and one that is not there, become a state of the demonstration', async () => {
  for (const state of [directory, join(directory, 'new')]) {
    await freshDemoState(state)
    expect(await readdir(state)).toContain('demonstration')
  }
})

test.each(['key', '.profile'])(
  'a directory that holds %s of somebody else is refused and left as it is',
  async (name) => {
    await writeFile(join(directory, name), 'mine')
    await expect(freshDemoState(directory)).rejects.toThrow(`${directory} holds ${name}`)
    expect(await readdir(directory)).toEqual([name])
  },
)

test('the state of an earlier demonstration is emptied', async () => {
  await freshDemoState(directory)
  await mkdir(join(directory, 'virtual'))
  await writeFile(join(directory, 'key'), 'old')
  await freshDemoState(directory)
  expect(await readdir(directory)).toEqual(['demonstration'])
})
