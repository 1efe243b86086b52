import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readForm } from '../../src/pages/editor/plant-form.ts'
import { addConduit, addEntry, removeEntry, renameEntry, setValue } from '../../src/pages/editor/plant-text.ts'
import { plantText } from '../stub/answers.ts'

/** Lines of one text that another has not. */
function changedLines(before: string, after: string): readonly string[] {
  const known = new Set(before.split('\n'))
  return after.split('\n').filter((line) => !known.has(line))
}

describe('changes of a plant file by the form', () => {
  it('set a value in its place and leave every other line as it was', () => {
    const after = setValue(plantText, ['zones', 'cell', 'messaging'], 'confidentiality')
    expect(changedLines(plantText, after)).toEqual([
      '  cell:   { authentication: certificate, messaging: confidentiality, io: integrity }',
    ])
  })

  it('add a key that is not there, before the comment of its line', () => {
    const after = setValue(plantText, ['devices', 'Line_PLC', 'io'], 'confidentiality')
    expect(changedLines(plantText, after)).toEqual([
      '  Line_PLC:  { address: 192.0.2.10, zone: line, io: confidentiality }   # the controller',
    ])
  })

  it('remove a key at the end and in the middle of a flow map', () => {
    expect(parse(setValue(plantText, ['zones', 'line', 'close'], undefined)).zones.line).toEqual({
      authentication: 'certificate',
      messaging: 'confidentiality',
      io: 'integrity',
    })
    expect(parse(setValue(plantText, ['zones', 'line', 'messaging'], undefined)).zones.line).toEqual({
      authentication: 'certificate',
      io: 'integrity',
      close: ['tcp/44818'],
    })
  })

  it('write lists, and words that YAML would take for something else in quotes', () => {
    expect(parse(setValue(plantText, ['zones', 'cell', 'close'], ['tcp/44818', 'udp/2222'])).zones.cell.close).toEqual([
      'tcp/44818',
      'udp/2222',
    ])
    expect(parse(setValue(plantText, ['devices', 'Line_IO', 'dnsName'], 'no')).devices.Line_IO.dnsName).toBe('no')
    expect(parse(setValue(plantText, ['devices', 'Line_IO', 'dnsName'], 'a: b # c')).devices.Line_IO.dnsName).toBe(
      'a: b # c',
    )
  })

  it('add entries and conduits behind the last one', () => {
    const device = addEntry(plantText, 'devices', 'Cell_IO', { address: '192.0.2.21', zone: 'cell' })
    expect(changedLines(plantText, device)).toEqual(['  Cell_IO: { address: 192.0.2.21, zone: cell }'])
    const conduit = addConduit(plantText, { between: ['cell', 'legacy'], authentication: 'trusted-ip' })
    expect(changedLines(plantText, conduit)).toEqual(['  - { between: [cell, legacy], authentication: trusted-ip }'])
  })

  it('begin a section that is not there or empty', () => {
    const range = addEntry(plantText, 'ranges', 'laptops', { addresses: '192.0.2.64/28', zone: 'legacy' })
    expect(parse(range).ranges).toEqual({ laptops: { addresses: '192.0.2.64/28', zone: 'legacy' } })
    for (const empty of ['devices: {}\n', 'devices:\n', 'devices: {} # none\nmanager: M\n']) {
      expect(parse(addEntry(`version: 1\n${empty}`, 'devices', 'A', { zone: 'z' })).devices).toEqual({
        A: { zone: 'z' },
      })
    }
    for (const empty of ['conduits: []\n', 'conduits:\n']) {
      expect(parse(addConduit(`version: 1\n${empty}`, { between: ['a', 'b'] })).conduits).toEqual([
        { between: ['a', 'b'] },
      ])
    }
  })

  it('remove entries with their comment, down to the last one', () => {
    const without = removeEntry(plantText, 'devices', 'Line_PLC')
    expect(parse(without).devices).not.toHaveProperty('Line_PLC')
    expect(without).not.toContain('the controller')
    const one = removeEntry(plantText, 'conduits', 0)
    expect(parse(one).conduits).toHaveLength(1)
    expect(parse(removeEntry(one, 'conduits', 0)).conduits).toEqual([])
  })

  it('handle block style as well', () => {
    const block = 'devices:\n  A:\n    address: 192.0.2.1\n    zone: z\n\n  # second\n  B:\n    address: 192.0.2.2\n'
    expect(setValue(block, ['devices', 'B', 'zone'], 'y')).toBe(
      `${block}    zone: y\n`.replace('\n    zone: y\n', '\n    zone: y\n'),
    )
    expect(parse(removeEntry(block, 'devices', 'A'))).toEqual({ devices: { B: { address: '192.0.2.2' } } })
    expect(parse(addEntry(block, 'devices', 'C', { zone: 'z' })).devices.C).toEqual({ zone: 'z' })
    expect(parse(setValue(block, ['devices', 'A', 'zone'], undefined)).devices.A).toEqual({ address: '192.0.2.1' })
  })

  it('rename a zone and a device wherever they are named', () => {
    const zone = renameEntry(plantText, 'zones', 'line', 'bottling')
    expect(zone).toContain('between: [bottling, cell]')
    expect(parse(zone).devices.Line_PLC.zone).toBe('bottling')
    expect(zone).toContain('# The bottling line.')
    const device = renameEntry(plantText, 'devices', 'Manager', 'Cordon_PC')
    expect(parse(device).manager).toBe('Cordon_PC')
    expect(parse(device).devices).toHaveProperty('Cordon_PC')
  })

  it('say what is wrong where the text is no YAML', () => {
    expect(() => setValue('a: [', ['a'], 'b')).toThrow('not YAML')
    expect(() => setValue('- a', ['a'], 'b')).toThrow('not a plant file')
    expect(readForm('a: [')).toEqual({ problem: expect.stringContaining('line 1') })
  })

  it('keep any word that is set', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), (word) => {
        expect(parse(setValue(plantText, ['devices', 'Line_IO', 'dnsName'], word)).devices.Line_IO.dnsName).toSatisfy(
          (read: unknown) =>
            String(read) === word || (typeof read === 'number' && /^(?:0x[0-9A-Fa-f]+|[\d.]+)$/.test(word)),
        )
      }),
    )
  })
})

describe('the form of a plant file', () => {
  it('shows fields as they are written and names what it leaves to the text', () => {
    const form = readForm(`${plantText}suites: [0xC02C, 0xC02B]\nconnections: []\n`)
    if ('problem' in form) throw new Error(form.problem)
    expect(form.settings['suites']).toBe('0xC02C, 0xC02B')
    expect(form.zones.map(({ name }) => name)).toEqual(['line', 'cell', 'legacy'])
    expect(form.conduits[0]).toEqual({ between: 'line, cell', authentication: 'certificate' })
    expect(form.others).toEqual(['connections'])
  })
})
