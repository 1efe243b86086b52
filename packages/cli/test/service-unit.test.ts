import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const unit = fileURLToPath(new URL('../../../examples/systemd/cordon.service', import.meta.url))
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

describe('the unit for systemd', () => {
  it.skipIf(!hasSystemd)('is one that systemd takes (skipped without systemd-analyze)', () => {
    const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
    // The program of the example lies elsewhere on this machine.
    const complaints = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line.includes('cordon.service') && !/is not executable|No such file/.test(line))
    expect(complaints).toEqual([])
  })

  it('leaves the manager more time to end than it takes, and no rights', () => {
    const lines = readFileSync(unit, 'utf8').split('\n')
    const settingOf = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
    expect(Number(settingOf('TimeoutStopSec'))).toBeGreaterThan(20)
    expect(settingOf('CapabilityBoundingSet')).toBe('')
    expect([settingOf('NoNewPrivileges'), settingOf('ProtectSystem')]).toEqual(['yes', 'strict'])
    expect(settingOf('User')).toBe('cordon')
  })
})
