import { type JournalEntry, memoryJournal, type MessageCode } from '@cordon/core/deployment'
import { describe, expect, test } from 'vitest'
import { certificateSettings, factoryDevice, pskSettings, Surroundings, targetOf } from './fixture.ts'
import { type Fault, MemoryPort, type RequestFact } from './memory-port.ts'

type Result = Awaited<ReturnType<Surroundings['deploy']>>

function codes(result: Result): readonly MessageCode[] {
  return result?.messages.map(({ code }) => code) ?? []
}

describe('commissioning by certificate', () => {
  test('brings a factory device under policy and proves it over the new identity', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const journal = memoryJournal()
    const result = await around.deploy(targetOf(certificateSettings()), port, { journal })
    expect(codes(result)).toEqual(['vendor-certificate-verified'])
    expect(result?.outcome).toBe('complete')
    console.log(result?.steps.map((s) => `${s.step} ${s.tookMs}`).join('\n'), port.facts.length)
    console.log(journal.entries.map((e: JournalEntry) => `${e.step} ${e.phase}`).join('\n'))
  })
})
