// biome-ignore-all lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
// biome-ignore-all lint/correctness/useExhaustiveDependencies: a draft is kept when the text changes, read from a reference when it is kept
import { Button, Menu } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import { Empty } from '../../components/empty.tsx'
import { Filter } from '../../components/filter.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded, Loading } from '../../components/loading.tsx'
import { PageBody } from '../../components/page.tsx'
import { Remark } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { plantQuery, versionQuery } from '../../data/model.ts'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { counted } from '../../words/states.ts'
import { Changes } from './changes-view.tsx'
import type { Jump } from './code-view.tsx'
import { type Draft, keepDraft, keptDraft } from './draft.ts'
import classes from './editor.module.css'
import { FormView } from './form-view.tsx'
import { ImportDialog } from './import-dialog.tsx'
import { Problems } from './problems.tsx'
import { SaveDialog } from './save-dialog.tsx'
import { useValidation } from './use-validation.ts'
import { Versions } from './versions.tsx'

const CodeEditor = lazy(async () => ({ default: (await import('./code-view.tsx')).CodeEditor }))

const views = ['form', 'text', 'changes', 'versions'] as const

/** The plant file: as tables and as text, over one text that is saved as a version. */
export function Page() {
  const plant = usePlant()
  const summary = useQuery(plantQuery(plant))
  if (plant === '') {
    return (
      <PageBody title="Editor">
        <Empty title="No plant yet">
          <Link to="/plants/new">Make a plant</Link> from nothing or from a file, or{' '}
          <Link to="/start">take the guided first hour</Link>.
        </Empty>
      </PageBody>
    )
  }
  return <Loaded query={summary}>{({ version }) => <WithBase key={plant} plant={plant} newest={version} />}</Loaded>
}

function WithBase({ plant, newest }: { readonly plant: string; readonly newest: number }) {
  const [draft] = useState(() => keptDraft(sessionStorage, plant))
  // The version that the person began from stays the base until it is saved: newer ones are merged, not swapped in.
  const [base, setBase] = useState(draft?.base ?? newest)
  const query = useQuery(versionQuery(plant, base))
  return (
    <Loaded query={query}>
      {({ text }) => (
        <Editor
          key={base}
          plant={plant}
          newest={newest}
          base={{ base, text }}
          hasDraft={draft?.base === base}
          rebase={setBase}
        />
      )}
    </Loaded>
  )
}

function Editor({
  plant,
  newest,
  base,
  hasDraft,
  rebase,
}: {
  readonly plant: string
  readonly newest: number
  readonly base: Draft
  /** An earlier visit left a draft on this version. */
  readonly hasDraft: boolean
  readonly rebase: (base: number) => void
}) {
  const [{ view: wanted }, setUrl] = useUrl()
  const view = oneOf(wanted, views)
  const [text, setText] = useState(() => {
    const draft = keptDraft(sessionStorage, plant)
    return draft?.base === base.base ? draft.text : base.text
  })
  const [jump, setJump] = useState<Jump>()
  const [dialog, setDialog] = useState<'save' | 'import'>()
  const [notes, setNotes] = useState<readonly string[]>([])
  const [message, setMessage] = useState('')
  const [isKept, setKept] = useState(true)
  const [hasRestored, setRestored] = useState(hasDraft && text !== base.text)
  const queries = useQueryClient()
  const permitted = usePermits('plant.write')
  const isChanged = text !== base.text
  const validated = useValidation(text, plant, base.base)
  const problems = validated.result?.problems ?? []
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const latest = useRef(text)
  latest.current = text
  /** The draft was saved or moved to another version: what is left here is not to be kept. */
  const isOver = useRef(false)

  useEffect(() => {
    const keep = () => {
      if (isOver.current) return
      const draft = latest.current === base.text ? undefined : { base: base.base, text: latest.current }
      setKept(keepDraft(sessionStorage, plant, draft))
    }
    const timer = setTimeout(keep, 300)
    window.addEventListener('pagehide', keep)
    return () => {
      clearTimeout(timer)
      window.removeEventListener('pagehide', keep)
      keep()
    }
  }, [text, plant, base])

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === 's') {
        event.preventDefault()
        if (latest.current !== base.text && permitted) setDialog('save')
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [base, permitted])

  const goTo = (line: number, column: number) => {
    setUrl({ view: 'text' })
    setJump((before) => ({ line, column, turn: (before?.turn ?? 0) + 1 }))
  }
  const saved = (version: number) => {
    isOver.current = true
    keepDraft(sessionStorage, plant, undefined)
    setDialog(undefined)
    setMessage('')
    queries.removeQueries({ queryKey: ['version-text', plant, version] })
    void queries.invalidateQueries({
      predicate: ({ queryKey: [first] }) =>
        ['plants', 'versions', 'topology', 'devices', 'overview'].includes(String(first)),
    })
    rebase(version)
  }
  return (
    <PageBody
      title={`Editor: ${plant}`}
      lead={
        <>
          {isChanged ? 'Changed since' : 'As in'} version {base.base}
          {newest > base.base ? `; version ${newest} was saved by somebody else meanwhile and will be merged` : ''}
        </>
      }
      fill
      actions={
        <>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default">Import & export</Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item disabled={!permitted} onClick={() => setDialog('import')}>
                Import a plant file or devices from CSV…
              </Menu.Item>
              <Menu.Item onClick={() => download(`${plant}.yaml`, text)}>Export this text</Menu.Item>
              <Menu.Item component={Link} to="/plants/new">
                New plant…
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Button
            variant="default"
            disabled={!isChanged}
            onClick={() => {
              setText(base.text)
              setRestored(false)
            }}
          >
            Discard changes
          </Button>
          <Button
            disabled={!isChanged || !permitted}
            title={permitted ? 'Ctrl S' : 'Saving needs the role engineer'}
            onClick={() => setDialog('save')}
          >
            Save…
          </Button>
        </>
      }
    >
      <div className={classes['tools']}>
        <Filter
          label="View"
          value={view}
          choose={(value) => setUrl({ view: value })}
          choices={[
            { value: 'form', label: 'Form' },
            { value: 'text', label: 'Text' },
            {
              value: 'changes',
              label: 'Changes',
              ...(isChanged ? { count: validated.result?.changes.length ?? 0 } : {}),
            },
            { value: 'versions', label: 'Versions' },
          ]}
        />
        <span className={classes['state']} aria-live="polite">
          <Validity
            isWorking={validated.isWorking}
            errors={errors}
            warnings={problems.length - errors}
            failed={validated.failure !== undefined}
          />
        </span>
      </div>
      {hasRestored ? (
        <Remark tone="info">
          Your unsaved text from before is here again.{' '}
          <Button size="compact-xs" variant="default" onClick={() => setRestored(false)}>
            Good
          </Button>
        </Remark>
      ) : null}
      {isKept ? null : (
        <Remark tone="warn">
          This text is too large for the browser to keep over a reload. Save it or export it before you leave.
        </Remark>
      )}
      {notes.length === 0 ? null : (
        <Remark tone="info">
          <p>
            <strong>From the import:</strong>
          </p>
          <ul style={{ paddingLeft: 18 }}>
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </Remark>
      )}
      {view === 'text' ? (
        <div className={classes['text']}>
          <div className={classes['code']}>
            <Suspense fallback={<Loading />}>
              <CodeEditor
                label="Plant file"
                text={text}
                change={setText}
                problems={problems}
                jump={jump}
                readOnly={!permitted}
              />
            </Suspense>
          </div>
          <Problems problems={problems} goTo={goTo} />
        </div>
      ) : (
        <section className={classes['body']} aria-label="Editor" tabIndex={0}>
          {view === 'form' ? (
            <>
              <fieldset disabled={!permitted} style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
                <FormView text={text} change={setText} />
              </fieldset>
              <div style={{ marginTop: 12 }}>
                <Problems problems={problems} goTo={goTo} />
              </div>
            </>
          ) : view === 'changes' ? (
            <Changes plant={plant} before={base.text} after={text} changes={validated.result?.changes ?? []} />
          ) : (
            <Versions plant={plant} newest={newest} restored={rebase} isChanged={isChanged} />
          )}
        </section>
      )}
      {dialog === 'save' ? (
        <SaveDialog
          plant={plant}
          draft={{ base: base.base, text }}
          baseText={base.text}
          errors={errors}
          changes={validated.result?.changes ?? []}
          message={message}
          setMessage={setMessage}
          saved={saved}
          merged={(version, merged) => {
            keepDraft(sessionStorage, plant, { base: version, text: merged })
            isOver.current = true
            setDialog(undefined)
            void queries.invalidateQueries({ queryKey: ['plants'] })
            rebase(version)
          }}
          close={() => setDialog(undefined)}
        />
      ) : null}
      {dialog === 'import' ? (
        <ImportDialog
          plant={plant}
          imported={(next, given) => {
            setText(next)
            setNotes(given)
            setDialog(undefined)
            setUrl({ view: 'changes' })
          }}
          close={() => setDialog(undefined)}
        />
      ) : null}
    </PageBody>
  )
}

function Validity({
  isWorking,
  errors,
  warnings,
  failed,
}: {
  readonly isWorking: boolean
  readonly errors: number
  readonly warnings: number
  readonly failed: boolean
}) {
  if (failed) return <Tone tone="warn" text="Not checked: the manager did not answer" />
  if (isWorking) return <Tone tone="wait" text="Checking" />
  if (errors > 0) return <Tone tone="bad" text={counted(errors, 'error')} />
  return warnings > 0 ? (
    <Tone tone="warn" text={`Valid, ${counted(warnings, 'warning')}`} />
  ) : (
    <Tone tone="good" text="Valid" />
  )
}

/** Gives a text to the person as a file. */
function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
