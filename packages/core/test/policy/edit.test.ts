import { editPlant, emptyPlant, type PlantEdit, parsePlant } from '@cordon/core/policy'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const block = `# A plant.
version: 1
plant: works

zones:
  # The presses.
  press:   { authentication: certificate }   # fast
  paint:
    authentication: none
    nonSecure: allow

devices:
  PLC:     { address: 192.0.2.1, zone: press }   # the controller
  # Robots.
  Robot_1:
    address: 192.0.2.2   # left
    zone: press          # for now
  Panel:   { address: 192.0.2.3, zone: paint, capability: none }

# Who speaks with whom.
conduits:
- { between: [press, paint], authentication: trusted-ip }

tests: []
`
const flow =
  '{ version: 1, plant: works, zones: { press: { authentication: certificate } }, devices: { PLC: { zone: press }, IO: { zone: press } } }\n'

function edited(text: string, ...edits: PlantEdit[]): string {
  const result = editPlant(text, 'plant.yaml', edits)
  if (result.text === undefined) throw new Error(JSON.stringify(result.problems))
  return result.text
}

/** Lines that only one of the texts has. */
function changed(before: string, after: string): { readonly gone: string[]; readonly come: string[] } {
  const [old, fresh] = [before.split('\n'), after.split('\n')]
  return { gone: old.filter((line) => !fresh.includes(line)), come: fresh.filter((line) => !old.includes(line)) }
}

describe('an edit of a plant file', () => {
  it('adds devices behind the last one and leaves every other line as it is', () => {
    const text = edited(
      block,
      {
        change: 'addDevice',
        device: { name: 'Robot_2', address: '192.0.2.4', zone: 'press', expect: { vendor: 1, serial: 0xe17388 } },
      },
      { change: 'addDevice', device: { name: 'Robot_3', address: '192.0.2.5', zone: 'press' } },
    )
    expect(changed(block, text)).toEqual({
      gone: [],
      come: [
        '  Robot_2: { address: 192.0.2.4, zone: press, expect: { vendor: 1, serial: 0x00e17388 } }',
        '  Robot_3: { address: 192.0.2.5, zone: press }',
      ],
    })
    const { plant } = parsePlant(text, 'plant.yaml')
    expect(plant?.devices.map(({ name }) => name)).toEqual(['PLC', 'Robot_1', 'Panel', 'Robot_2', 'Robot_3'])
    expect(plant?.devices[3]?.expect?.serial).toBe(0xe17388)
  })

  it('moves a device in block and in flow style, with its comments', () => {
    const text = edited(
      block,
      { change: 'setZone', device: 'Robot_1', zone: 'paint' },
      { change: 'setZone', device: 'PLC', zone: 'paint' },
    )
    expect(changed(block, text).come).toEqual([
      '  PLC:     { address: 192.0.2.1, zone: paint }   # the controller',
      '    zone: paint          # for now',
    ])
  })

  it('removes a device with its lines alone', () => {
    const text = edited(block, { change: 'removeDevice', device: 'Robot_1' })
    expect(changed(block, text)).toEqual({
      gone: ['  Robot_1:', '    address: 192.0.2.2   # left', '    zone: press          # for now'],
      come: [],
    })
  })

  it('removes the last device and leaves a mapping', () => {
    const all = ['PLC', 'Robot_1', 'Panel'].map((device): PlantEdit => ({ change: 'removeDevice', device }))
    expect(parsePlant(edited(block, ...all), 'plant.yaml').plant?.devices).toEqual([])
  })

  it('adds zones and conduits in the layout that they have', () => {
    const text = edited(
      block,
      { change: 'addZone', zone: { name: 'yard', authentication: 'certificate', messaging: 'integrity' } },
      { change: 'addConduit', conduit: { between: ['press', 'yard'], io: 'deny' } },
    )
    expect(changed(block, text).come).toEqual([
      '  yard: { authentication: certificate, messaging: integrity }',
      '- { between: [press, yard], io: deny }',
    ])
    expect(parsePlant(text, 'plant.yaml').plant?.conduits).toHaveLength(2)
  })

  it('opens sections that are empty or not there', () => {
    const text = edited(
      emptyPlant('new'),
      { change: 'addZone', zone: { name: 'press', authentication: 'certificate' } },
      { change: 'addDevice', device: { name: 'PLC', zone: 'press' } },
      { change: 'addConduit', conduit: { between: ['PLC', 'press'] } },
    )
    const { plant, problems } = parsePlant(text, 'plant.yaml')
    expect(problems).toEqual([])
    expect([plant?.zones.length, plant?.devices.length, plant?.conduits.length]).toEqual([1, 1, 1])
  })

  it('works in a file without line breaks', () => {
    const text = edited(
      flow,
      { change: 'removeDevice', device: 'IO' },
      { change: 'addZone', zone: { name: 'yard', authentication: 'certificate' } },
      { change: 'addConduit', conduit: { between: ['press', 'yard'] } },
    )
    const { plant } = parsePlant(text, 'plant.yaml')
    expect(plant?.devices.map(({ name }) => name)).toEqual(['PLC'])
    expect(plant?.zones.map(({ name }) => name)).toEqual(['press', 'yard'])
    expect(plant?.conduits).toHaveLength(1)
  })

  it('says what is not there and what is there already, with its place', () => {
    const result = editPlant(block, 'plant.yaml', [
      { change: 'setZone', device: 'Robot_9', zone: 'paint' },
      { change: 'addDevice', device: { name: 'Panel', zone: 'press' } },
    ])
    expect(result.problems).toMatchObject([
      { message: 'there is no device "Robot_9"', remedy: 'did you mean Robot_1?' },
      { line: 18, column: 3, message: 'there is a device "Panel" already' },
    ])
  })

  it('lets no value become more than a value', () => {
    const hostile = 'x }\n  Evil: { zone: press, address: 192.0.2.9'
    const text = edited(block, {
      change: 'addDevice',
      device: { name: 'New', zone: 'press', dnsName: hostile, role: 'a: b' },
    })
    const { plant, problems } = parsePlant(text, 'plant.yaml')
    expect(plant).toBeUndefined()
    expect(problems.every(({ path }) => path.startsWith('devices.New'))).toBe(true)
  })

  it('refuses a text that turns the direction of writing, or has anchors', () => {
    expect(editPlant(`# \u202e\n${block}`, 'plant.yaml', []).problems).toMatchObject([{ line: 1, column: 3 }])
    expect(
      editPlant(
        block.replace('{ authentication: certificate }', '&a { authentication: certificate }'),
        'plant.yaml',
        [],
      ).text,
    ).toBeUndefined()
  })

  it('does on any text that it accepts what the model shows', () => {
    const devices = fc.uniqueArray(fc.stringMatching(/^[A-Z][a-z0-9]{0,6}$/), { minLength: 1, maxLength: 6 })
    const style = fc.constantFrom('block', 'flow', 'mixed')
    fc.assert(
      fc.property(devices, style, fc.nat(), fc.boolean(), (names, written, pick, hasEnd) => {
        const entries = names.map((name, place) =>
          written === 'block' || (written === 'mixed' && place % 2 === 0)
            ? `  ${name}:\n    zone: z # c\n`
            : `  ${name}: { zone: z } # c\n`,
        )
        const section =
          written === 'flow'
            ? `devices: { ${names.map((name) => `${name}: { zone: z }`).join(', ')} }\n`
            : `devices:\n${entries.join('')}`
        const whole = `version: 1\nplant: p\nzones:\n  z: { authentication: certificate }\n${section}`
        const text = hasEnd ? whole : whole.replace(/\n$/, '')
        const goes = names[pick % names.length] ?? ''
        const after = edited(
          text,
          { change: 'removeDevice', device: goes },
          { change: 'addDevice', device: { name: 'new-one', zone: 'z' } },
        )
        const { plant, problems } = parsePlant(after, 'plant.yaml')
        expect(problems).toEqual([])
        expect(plant?.devices.map(({ name }) => name)).toEqual([...names.filter((name) => name !== goes), 'new-one'])
      }),
      { numRuns: 300 },
    )
  })
})
