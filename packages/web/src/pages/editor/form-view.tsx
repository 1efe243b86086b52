import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useDeferredValue, useMemo, useState } from 'react'
import { oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import { Filter } from '../../components/filter.tsx'
import { Icon } from '../../components/icon.tsx'
import { type Column, Rows } from '../../components/rows.tsx'
import { Remark } from '../../components/section.tsx'
import { counted } from '../../words/states.ts'
import { AddRow } from './add-row.tsx'
import { EditCell } from './edit-cell.tsx'
import classes from './form-view.module.css'
import {
  addressPattern,
  type FormEntry,
  namePattern,
  networkPattern,
  type PlantForm,
  readForm,
  wordsOf,
} from './plant-form.ts'
import { addConduit, addEntry, type Path, removeEntry, renameEntry, type Section, setValue } from './plant-text.ts'

const parts = ['zones', 'devices', 'conduits', 'ranges', 'settings'] as const
const protections = ['none', 'integrity', 'confidentiality', 'deny'] as const

/** The plant file as tables. Each change is made in the text itself, so that comments and order stay. */
export function FormView({ text, change }: { readonly text: string; readonly change: (text: string) => void }) {
  const [{ part: wanted }, setUrl] = useUrl()
  const part = oneOf(wanted, parts)
  // A large file takes a moment to read: typing goes first.
  const settled = useDeferredValue(text)
  const form = useMemo(() => readForm(settled), [settled])
  const [problem, setProblem] = useState<string>()
  if ('problem' in form) return <Remark tone="warn">{form.problem}</Remark>
  const edit = (made: (text: string) => string) => {
    try {
      change(made(text))
      setProblem(undefined)
    } catch (cause) {
      setProblem(cause instanceof Error ? cause.message : 'That change could not be made. Make it in the text view.')
    }
  }
  const put = (path: Path, value: string, isList = false) =>
    edit((before) => setValue(before, path, value === '' ? undefined : isList ? wordsOf(value) : value))
  return (
    <>
      <div className={classes['bar']}>
        <Filter
          label="Part of the plant"
          value={part}
          choose={(value) => setUrl({ part: value })}
          choices={[
            { value: 'zones', label: 'Zones', count: form.zones.length },
            { value: 'devices', label: 'Devices', count: form.devices.length },
            { value: 'conduits', label: 'Conduits', count: form.conduits.length },
            { value: 'ranges', label: 'Ranges', count: form.ranges.length },
            { value: 'settings', label: 'Settings' },
          ]}
        />
      </div>
      {problem === undefined ? null : <Remark tone="bad">{problem}</Remark>}
      <datalist id="plant-ends">
        {[...form.zones, ...form.ranges, ...form.devices.slice(0, 500)].map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <PartTable part={part} form={form} edit={edit} put={put} />
    </>
  )
}

type Edit = (made: (text: string) => string) => void
type Put = (path: Path, value: string, isList?: boolean) => void

function PartTable({
  part,
  form,
  edit,
  put,
}: {
  readonly part: (typeof parts)[number]
  readonly form: PlantForm
  readonly edit: Edit
  readonly put: Put
}) {
  switch (part) {
    case 'zones':
      return <Zones form={form} edit={edit} put={put} />
    case 'devices':
      return <Devices form={form} edit={edit} put={put} />
    case 'conduits':
      return <Conduits form={form} edit={edit} put={put} />
    case 'ranges':
      return <Ranges form={form} edit={edit} put={put} />
    case 'settings':
      return <Settings form={form} put={put} />
  }
}

interface PartProps {
  readonly form: PlantForm
  readonly edit: Edit
  readonly put: Put
}

/** A choice in a row; what the file says and the list does not know stays choosable. */
function Pick({
  label,
  value,
  words,
  empty,
  change,
}: {
  readonly label: string
  readonly value: string | undefined
  readonly words: readonly string[]
  /** What an absent value means; absent means that the value is required. */
  readonly empty?: string
  readonly change: (value: string) => void
}) {
  const known = value === undefined || words.includes(value) ? words : [value, ...words]
  return (
    <NativeSelect
      aria-label={label}
      value={value ?? ''}
      onChange={({ currentTarget }) => change(currentTarget.value)}
      data={[
        ...(empty === undefined
          ? value === undefined
            ? [{ value: '', label: 'choose' }]
            : []
          : [{ value: '', label: empty }]),
        ...known.map((word) => ({ value: word, label: word })),
      ]}
    />
  )
}

function RemoveButton({ name, remove }: { readonly name: string; readonly remove: () => void }) {
  return (
    <Button
      size="compact-xs"
      variant="subtle"
      color="gray"
      aria-label={`Remove ${name}`}
      title="Remove"
      onClick={remove}
      styles={{ label: { color: 'var(--mantine-color-text)' } }}
    >
      <Icon name="close" size={14} />
    </Button>
  )
}

function nameColumn(section: Section, edit: Edit, what: string): Column<FormEntry> {
  return {
    key: 'name',
    head: 'Name',
    width: 'minmax(9rem, 1fr)',
    cell: ({ name }) => (
      <EditCell
        label={`Name of ${what} ${name}`}
        value={name}
        pattern={namePattern}
        wrong="A letter, then letters, digits, _ or -, at most 63 in all"
        change={(value) => edit((text) => renameEntry(text, section, name, value))}
      />
    ),
  }
}

function removeColumn(section: Section, edit: Edit): Column<FormEntry> {
  return {
    key: 'remove',
    head: <span className="visually-hidden">Remove</span>,
    width: '3.5rem',
    end: true,
    cell: ({ name }) => <RemoveButton name={name} remove={() => edit((text) => removeEntry(text, section, name))} />,
  }
}

function Zones({ form, edit, put }: PartProps) {
  const uses = useMemo(() => {
    const counts = new Map<string, number>()
    for (const { fields } of form.devices) counts.set(fields['zone'] ?? '', (counts.get(fields['zone'] ?? '') ?? 0) + 1)
    return counts
  }, [form])
  const pick = (row: FormEntry, key: string, words: readonly string[], empty?: string) => (
    <Pick
      label={`${key} of ${row.name}`}
      value={row.fields[key]}
      words={words}
      {...(empty === undefined ? {} : { empty })}
      change={(value) => put(['zones', row.name, key], value)}
    />
  )
  return (
    <>
      <Rows
        label="Zones"
        least="60rem"
        height={40}
        rows={form.zones}
        id={(_, index) => String(index)}
        columns={[
          nameColumn('zones', edit, 'zone'),
          {
            key: 'authentication',
            head: 'Authentication',
            width: '9rem',
            cell: (row) => pick(row, 'authentication', ['certificate', 'psk', 'none']),
          },
          {
            key: 'messaging',
            head: 'Messages',
            width: '10rem',
            cell: (row) => pick(row, 'messaging', protections, 'default'),
          },
          { key: 'io', head: 'I/O', width: '10rem', cell: (row) => pick(row, 'io', protections, 'default') },
          {
            key: 'nonSecure',
            head: 'Plain traffic',
            width: '9rem',
            cell: (row) => pick(row, 'nonSecure', ['deny', 'allow'], 'as the plant'),
          },
          {
            key: 'close',
            head: 'Closes ports',
            width: 'minmax(9rem, 1fr)',
            cell: ({ name, fields }) => (
              <EditCell
                label={`Ports that ${name} closes`}
                value={fields['close'] ?? ''}
                placeholder="none"
                change={(value) => put(['zones', name, 'close'], value, true)}
              />
            ),
          },
          {
            key: 'devices',
            head: 'Devices',
            width: '5rem',
            end: true,
            cell: ({ name }) => (uses.get(name) ?? 0).toLocaleString('en-US'),
          },
          removeColumn('zones', edit),
        ]}
      />
      <AddRow
        title="Add a zone"
        fields={[
          { key: 'name', label: 'Name', pattern: namePattern },
          { key: 'authentication', label: 'Authentication', words: ['certificate', 'psk', 'none'] },
        ]}
        taken={form.zones.map(({ name }) => name)}
        add={({ name = '', authentication = 'certificate' }) =>
          edit((text) =>
            addEntry(
              text,
              'zones',
              name,
              authentication === 'none' ? { authentication, nonSecure: 'allow' } : { authentication },
            ),
          )
        }
      />
    </>
  )
}

function Devices({ form, edit, put }: PartProps) {
  const [{ find = '', zone: inZone = '' }, change] = useUrl()
  const zones = form.zones.map(({ name }) => name)
  const wanted = find.toLowerCase()
  const rows = form.devices.filter(
    ({ name, fields }) =>
      (inZone === '' || fields['zone'] === inZone) &&
      (wanted === '' || name.toLowerCase().includes(wanted) || (fields['address'] ?? '').includes(wanted)),
  )
  return (
    <>
      <div className={classes['bar']}>
        <TextInput
          aria-label="Find a device"
          placeholder="Name or address"
          value={find}
          onChange={({ currentTarget }) => change({ find: currentTarget.value })}
        />
        <NativeSelect
          aria-label="Zone"
          value={inZone}
          onChange={({ currentTarget }) => change({ zone: currentTarget.value })}
          data={[{ value: '', label: 'Every zone' }, ...zones]}
        />
        <span className={classes['count']}>{counted(rows.length, 'device')}</span>
      </div>
      <Rows
        label="Devices"
        least="56rem"
        height={40}
        rows={rows}
        id={(_, index) => String(index)}
        columns={[
          nameColumn('devices', edit, 'device'),
          {
            key: 'address',
            head: 'Address',
            width: '10rem',
            cell: ({ name, fields }) => (
              <EditCell
                label={`Address of ${name}`}
                value={fields['address'] ?? ''}
                placeholder="by its chassis"
                pattern={addressOrNone}
                wrong="An IPv4 address such as 192.0.2.17, or nothing"
                change={(value) => put(['devices', name, 'address'], value)}
              />
            ),
          },
          {
            key: 'zone',
            head: 'Zone',
            width: 'minmax(8rem, 0.6fr)',
            cell: ({ name, fields }) => (
              <Pick
                label={`Zone of ${name}`}
                value={fields['zone']}
                words={zones}
                change={(value) => put(['devices', name, 'zone'], value)}
              />
            ),
          },
          {
            key: 'capability',
            head: 'CIP Security',
            width: '9rem',
            cell: ({ name, fields }) => (
              <Pick
                label={`Capability of ${name}`}
                value={fields['capability']}
                words={['cip-security', 'none']}
                empty="yes"
                change={(value) => put(['devices', name, 'capability'], value)}
              />
            ),
          },
          {
            key: 'role',
            head: 'Role',
            width: '8rem',
            cell: ({ name, fields }) => (
              <Pick
                label={`Role of ${name}`}
                value={fields['role']}
                words={['originator', 'target', 'both']}
                empty="both"
                change={(value) => put(['devices', name, 'role'], value)}
              />
            ),
          },
          {
            key: 'io',
            head: 'I/O',
            width: '9rem',
            cell: ({ name, fields }) => (
              <Pick
                label={`I/O of ${name}`}
                value={fields['io']}
                words={protections}
                empty="as its zone"
                change={(value) => put(['devices', name, 'io'], value)}
              />
            ),
          },
          removeColumn('devices', edit),
        ]}
      />
      <AddRow
        title="Add a device"
        fields={[
          { key: 'name', label: 'Name', pattern: namePattern },
          { key: 'address', label: 'Address', pattern: addressPattern },
          { key: 'zone', label: 'Zone', words: zones },
        ]}
        taken={form.devices.map(({ name }) => name)}
        add={({ name = '', address = '', zone = '' }) =>
          edit((text) => addEntry(text, 'devices', name, { address, zone }))
        }
      />
    </>
  )
}

const addressOrNone = new RegExp(`^$|${addressPattern.source}`)

function Conduits({ form, edit, put }: PartProps) {
  type Row = { readonly index: number; readonly fields: Readonly<Record<string, string>> }
  const rows: readonly Row[] = form.conduits.map((fields, index) => ({ index, fields }))
  const end = ({ index, fields }: Row, at: 0 | 1) => {
    const ends = (fields['between'] ?? '').split(', ')
    return (
      <EditCell
        label={`End ${at + 1} of conduit ${index + 1}`}
        list="plant-ends"
        value={ends[at] ?? ''}
        pattern={namePattern}
        wrong="The name of a zone, device or range"
        change={(value) =>
          edit((text) =>
            setValue(text, ['conduits', index, 'between'], at === 0 ? [value, ends[1] ?? ''] : [ends[0] ?? '', value]),
          )
        }
      />
    )
  }
  const pick = ({ index, fields }: Row, key: string, words: readonly string[], empty: string) => (
    <Pick
      label={`${key} of conduit ${index + 1}`}
      value={fields[key]}
      words={words}
      empty={empty}
      change={(value) => put(['conduits', index, key], value)}
    />
  )
  return (
    <>
      {rows.length === 0 ? (
        <Remark tone="info">Nothing crosses between zones. Add a conduit for what has to.</Remark>
      ) : (
        <Rows
          label="Conduits"
          least="60rem"
          height={40}
          rows={rows}
          id={({ index }) => String(index)}
          columns={[
            { key: 'a', head: 'Between', width: 'minmax(9rem, 1fr)', cell: (row) => end(row, 0) },
            { key: 'b', head: 'And', width: 'minmax(9rem, 1fr)', cell: (row) => end(row, 1) },
            {
              key: 'authentication',
              head: 'Authentication',
              width: '10rem',
              cell: (row) => pick(row, 'authentication', ['certificate', 'psk', 'trusted-ip'], 'the stricter'),
            },
            {
              key: 'messaging',
              head: 'Messages',
              width: '10rem',
              cell: (row) => pick(row, 'messaging', protections, 'the stricter'),
            },
            { key: 'io', head: 'I/O', width: '10rem', cell: (row) => pick(row, 'io', protections, 'the stricter') },
            {
              key: 'opens',
              head: 'Opened by',
              width: 'minmax(8rem, 0.8fr)',
              cell: (row) =>
                pick(
                  row,
                  'opens',
                  (row.fields['between'] ?? '').split(', ').filter((word) => word !== ''),
                  'both',
                ),
            },
            {
              key: 'remove',
              head: <span className="visually-hidden">Remove</span>,
              width: '3.5rem',
              end: true,
              cell: ({ index }) => (
                <RemoveButton
                  name={`conduit ${index + 1}`}
                  remove={() => edit((text) => removeEntry(text, 'conduits', index))}
                />
              ),
            },
          ]}
        />
      )}
      <AddRow
        title="Add a conduit"
        fields={[
          { key: 'a', label: 'Between', pattern: namePattern, list: 'plant-ends' },
          { key: 'b', label: 'And', pattern: namePattern, list: 'plant-ends' },
          { key: 'authentication', label: 'Authentication', words: ['certificate', 'psk', 'trusted-ip'] },
        ]}
        taken={[]}
        add={({ a = '', b = '', authentication = 'certificate' }) =>
          edit((text) => addConduit(text, { between: [a, b], authentication }))
        }
      />
    </>
  )
}

function Ranges({ form, edit, put }: PartProps) {
  const zones = form.zones.map(({ name }) => name)
  return (
    <>
      {form.ranges.length === 0 ? (
        <Remark tone="info">
          No ranges. A range is a network of peers that are no devices of this plant, such as maintenance laptops.
        </Remark>
      ) : (
        <Rows
          label="Ranges"
          height={40}
          rows={form.ranges}
          id={(_, index) => String(index)}
          columns={[
            nameColumn('ranges', edit, 'range'),
            {
              key: 'addresses',
              head: 'Network',
              width: 'minmax(10rem, 1fr)',
              cell: ({ name, fields }) => (
                <EditCell
                  label={`Network of ${name}`}
                  value={fields['addresses'] ?? ''}
                  pattern={networkPattern}
                  wrong="Address, slash, prefix length: 192.0.2.64/28"
                  change={(value) => put(['ranges', name, 'addresses'], value)}
                />
              ),
            },
            {
              key: 'zone',
              head: 'Counts for zone',
              width: 'minmax(9rem, 0.8fr)',
              cell: ({ name, fields }) => (
                <Pick
                  label={`Zone of ${name}`}
                  value={fields['zone']}
                  words={zones}
                  change={(value) => put(['ranges', name, 'zone'], value)}
                />
              ),
            },
            removeColumn('ranges', edit),
          ]}
        />
      )}
      <AddRow
        title="Add a range"
        fields={[
          { key: 'name', label: 'Name', pattern: namePattern },
          { key: 'addresses', label: 'Network', pattern: networkPattern },
          { key: 'zone', label: 'Zone', words: zones },
        ]}
        taken={form.ranges.map(({ name }) => name)}
        add={({ name = '', addresses = '', zone = '' }) =>
          edit((text) => addEntry(text, 'ranges', name, { addresses, zone }))
        }
      />
    </>
  )
}

function Settings({ form: { settings, others, devices }, put }: Pick<PartProps, 'form' | 'put'>) {
  return (
    <div className={classes['settings']}>
      <TextInput
        size="sm"
        label="Plant"
        description="Its certificate authority bears this name; it does not change."
        value={settings['plant'] ?? ''}
        readOnly
      />
      <NativeSelect
        size="sm"
        label="Plain EtherNet/IP"
        description="May it exist at all? Each zone may say otherwise for itself."
        value={settings['nonSecure'] ?? ''}
        onChange={({ currentTarget }) => put(['nonSecure'], currentTarget.value)}
        data={[
          { value: '', label: 'deny (default)' },
          { value: 'deny', label: 'deny' },
          { value: 'allow', label: 'allow' },
        ]}
      />
      <NativeSelect
        size="sm"
        label="Manager"
        description="The device from which Cordon works; it is always let in."
        value={settings['manager'] ?? ''}
        onChange={({ currentTarget }) => put(['manager'], currentTarget.value)}
        data={[{ value: '', label: 'none' }, ...devices.map(({ name }) => name)]}
      />
      <div>
        <p className={classes['label']}>Suites in order of preference</p>
        <p className={classes['count']}>Numbers or names, with commas between them. Empty: all, the strongest first.</p>
        <EditCell
          label="Suites in order of preference"
          value={settings['suites'] ?? ''}
          placeholder="all"
          change={(value) => put(['suites'], value, true)}
        />
      </div>
      {others.length === 0 ? null : (
        <Remark tone="info">
          Also in this file, and edited in the text view: <strong>{others.join(', ')}</strong>.
        </Remark>
      )}
    </div>
  )
}
