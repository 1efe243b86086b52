// biome-ignore-all lint/correctness/useExhaustiveDependencies: the editor is made once; what changes from outside is put into it
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { yaml } from '@codemirror/lang-yaml'
import {
  bracketMatching,
  defaultHighlightStyle,
  foldGutter,
  indentOnInput,
  syntaxHighlighting,
} from '@codemirror/language'
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { unifiedMergeView } from '@codemirror/merge'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import { oneDarkHighlightStyle } from '@codemirror/theme-one-dark'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { styleNonce } from '../../components/nonce.ts'
import type { Shapes } from '../../api-types.ts'
import classes from './code-view.module.css'

type Problem = Shapes['TextProblem']

/** Colours follow the scheme of the page through its variables. */
const look = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', backgroundColor: 'var(--surface)', color: 'var(--mantine-color-text)' },
  '&.cm-focused': { outline: '2px solid var(--mantine-color-anchor)', outlineOffset: '-1px' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.5' },
  '.cm-gutters': {
    backgroundColor: 'var(--surface-sunken)',
    color: 'var(--mantine-color-dimmed)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine, .cm-activeLineGutter': {
    backgroundColor: 'color-mix(in srgb, var(--mantine-color-anchor) 8%, transparent)',
  },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--mantine-color-anchor) 28%, transparent) !important',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface-raised)',
    color: 'var(--mantine-color-text)',
    border: '1px solid var(--line)',
  },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--state-bad)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--state-warn)' },
  '.cm-changedLine': { backgroundColor: 'color-mix(in srgb, var(--state-good) 12%, transparent) !important' },
  '.cm-deletedChunk': { backgroundColor: 'color-mix(in srgb, var(--state-bad) 12%, transparent) !important' },
  '.cm-collapsedLines': {
    background: 'var(--surface-sunken)',
    color: 'var(--mantine-color-dimmed)',
    padding: '4px 12px',
  },
})

const schemeDark = EditorView.theme({}, { dark: true })

/** Colours of words by scheme. */
const colours = (isDark: boolean): Extension =>
  isDark ? [schemeDark, syntaxHighlighting(oneDarkHighlightStyle)] : syntaxHighlighting(defaultHighlightStyle)

function common(label: string): Extension {
  return [
    EditorView.cspNonce.of(styleNonce()),
    look,
    yaml(),
    lineNumbers(),
    drawSelection(),
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false' }),
  ]
}

/** A place to go to, with a number that grows so that the same place can be gone to again. */
export interface Jump {
  readonly line: number
  readonly column: number
  readonly turn: number
}

/** A text that is edited, with problems in its gutter. */
export function CodeEditor({
  text,
  change,
  problems,
  jump,
  label,
  readOnly = false,
}: {
  readonly text: string
  readonly change: (text: string) => void
  readonly problems: readonly Problem[]
  readonly jump: Jump | undefined
  readonly label: string
  readonly readOnly?: boolean
}) {
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(undefined)
  const scheme = useRef(new Compartment())
  const isDark = useComputedColorScheme('light') === 'dark'
  const changed = useRef(change)
  changed.current = change

  useEffect(() => {
    if (place.current === null) return
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: text,
        extensions: [
          common(label),
          scheme.current.of(colours(isDark)),
          history(),
          foldGutter(),
          lintGutter(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          EditorState.readOnly.of(readOnly),
          // Tab leaves the editor, as everywhere on a page; Ctrl-] and Ctrl-[ indent.
          keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString())
          }),
        ],
      }),
    })
    // A region that scrolls must be reachable by keyboard.
    editor.scrollDOM.tabIndex = 0
    view.current = editor
    return () => {
      view.current = undefined
      editor.destroy()
    }
    // The editor is made once; what changes from outside is put into it below.
  }, [label, readOnly])

  useEffect(() => {
    view.current?.dispatch({ effects: scheme.current.reconfigure(colours(isDark)) })
  }, [isDark])

  useEffect(() => {
    const editor = view.current
    if (editor === undefined) return
    const now = editor.state.doc.toString()
    if (now !== text) editor.dispatch({ changes: { from: 0, to: now.length, insert: text } })
  }, [text])

  useEffect(() => {
    const editor = view.current
    if (editor === undefined) return
    editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state, problems)))
  }, [problems])

  useEffect(() => {
    const editor = view.current
    if (editor === undefined || jump === undefined) return
    const at = positionOf(editor.state, jump.line, jump.column)
    editor.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) })
    editor.focus()
  }, [jump])

  return <div ref={place} className={classes['editor']} />
}

/** What one text has that another has not, line by line. */
export function CodeDifference({
  before,
  after,
  label,
}: {
  readonly before: string
  readonly after: string
  readonly label: string
}) {
  const place = useRef<HTMLDivElement>(null)
  const isDark = useComputedColorScheme('light') === 'dark'
  useEffect(() => {
    if (place.current === null) return
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: after,
        extensions: [
          common(label),
          colours(isDark),
          EditorState.readOnly.of(true),
          unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } }),
        ],
      }),
    })
    editor.scrollDOM.tabIndex = 0
    return () => editor.destroy()
  }, [before, after, label, isDark])
  return <div ref={place} className={classes['difference']} />
}

function positionOf(state: EditorState, line: number, column: number): number {
  const found = state.doc.line(Math.max(1, Math.min(state.doc.lines, line)))
  return found.from + Math.max(0, Math.min(found.length, column - 1))
}

function diagnosticsOf(state: EditorState, problems: readonly Problem[]): Diagnostic[] {
  return problems.map(({ line, column, message, remedy, severity }) => {
    const from = positionOf(state, line, column)
    return {
      from,
      to: Math.max(from, state.doc.lineAt(from).to),
      severity,
      message: remedy === undefined ? message : `${message}\n${remedy}`,
    }
  })
}
