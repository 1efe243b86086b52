import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plant } from '@cordon/core/policy'
import { describe, expect, it } from 'vitest'
import { checkAddresses, lockAddresses } from '../src/address-lock.ts'
import { files, freshAddress, unit } from './small-plant.ts'

const packageRoot = fileURLToPath(new URL('..', import.meta.url))
// Takes Linux and a right that even root lacks in many containers.
const mayMakeNetworks = spawnSync('unshare', ['--net', process.execPath, '--version']).status === 0
const isBuilt = existsSync(join(packageRoot, 'dist/index.js'))

function plantAt(...addresses: string[]): Plant {
  const names = addresses.map((address, i) => ({ name: `D${i}`, address }))
  return files(
    `devices:\n${names.map(({ name, address }) => `  ${name}: { address: ${address}, zone: line }`).join('\n')}`,
    `devices:\n${names.map(({ name }) => unit(name, 'adapter', 'security: none')).join('\n')}`,
  ).plant
}

describe('the lock of a plant’s addresses', () => {
  it('is for one process; the next learns its number and what it runs', async () => {
    const plant = plantAt(freshAddress(), freshAddress())
    const lock = await lockAddresses(plant, 'cordon simulate plant.yaml')
    const second = lockAddresses(plant, 'cordon demo')
    await expect(second).rejects.toMatchObject({ code: 'bad-option' })
    await expect(second).rejects.toThrow(`process ${process.pid} (cordon simulate plant.yaml)`)
    await expect(second).rejects.toThrow(`kill ${process.pid}`)
    await lock[Symbol.asyncDispose]()
    await (await lockAddresses(plant, ''))[Symbol.asyncDispose]()
  })

  it('is held for each address: plants that share one exclude each other, others do not', async () => {
    const [a, b, c] = [freshAddress(), freshAddress(), freshAddress()]
    const lock = await lockAddresses(plantAt(a, b), 'first')
    await expect(lockAddresses(plantAt(b, c), 'second')).rejects.toThrow('first')
    // What the refused one had taken already is free again.
    await (await lockAddresses(plantAt(c), 'third'))[Symbol.asyncDispose]()
    await lock[Symbol.asyncDispose]()
    await (await lockAddresses(plantAt(b, c), 'second'))[Symbol.asyncDispose]()
  })

  it.runIf(isBuilt && mayMakeNetworks)(
    'is of one network: who holds the same addresses in another one is not in the way',
    async () => {
      const plant = plantAt(freshAddress())
      const program = `
        import { lockAddresses } from '@cordon/simulator'
        await lockAddresses(${JSON.stringify(plant)}, 'elsewhere')
        console.log('locked')
        setInterval(() => {}, 1000)`
      const child = spawn('unshare', ['--net', process.execPath, '--input-type=module', '-e', program], {
        cwd: packageRoot,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(child, 'exit')
      await once(child.stdout, 'data')
      await (await lockAddresses(plant, ''))[Symbol.asyncDispose]()
      child.kill('SIGKILL')
      await ended
    },
  )

  it.skipIf(!isBuilt)('ends with its process, however that ends', async () => {
    const plant = plantAt(freshAddress())
    const program = `
      import { lockAddresses } from '@cordon/simulator'
      await lockAddresses(${JSON.stringify(plant)}, 'a child')
      console.log('locked')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: packageRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    await once(child.stdout, 'data')
    await expect(lockAddresses(plant, '')).rejects.toThrow(`process ${child.pid} (a child)`)
    child.kill('SIGKILL')
    await ended
    await (await lockAddresses(plant, ''))[Symbol.asyncDispose]()
  })
})

describe('the check of a plant’s addresses', () => {
  it('passes where this machine has them all', async () => {
    await checkAddresses(plantAt(freshAddress(), freshAddress()))
  })

  it('names one command that adds those that are missing', async () => {
    const here = freshAddress()
    const checked = checkAddresses(plantAt('198.51.100.1', here, '198.51.100.2'))
    await expect(checked).rejects.toMatchObject({ code: 'missing' })
    await expect(checked).rejects.toThrow('lacks 2 addresses')
    await expect(checked).rejects.toThrow(
      /for a in 198\.51\.100\.1 198\.51\.100\.2; do sudo (ip address add|ifconfig lo0 alias) \$a/,
    )
    await expect(checked).rejects.not.toThrow(here)
  })

  it('needs no port to be free', async () => {
    const address = freshAddress()
    const server = createServer().listen(44818, address)
    await once(server, 'listening')
    await checkAddresses(plantAt(address))
    server.close()
  })
})
