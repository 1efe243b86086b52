// biome-ignore-all lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
// biome-ignore-all lint/suspicious/noArrayIndexKey: lines and steps may repeat, and their order is their identity
import { Button, Group, Modal, SegmentedControl, Textarea } from '@mantine/core'
import { useMemo, useState } from 'react'
import { Filter } from '../../components/filter.tsx'
import { Remark } from '../../components/section.tsx'
import { counted } from '../../words/states.ts'
import { CodeDifference } from './code-view.tsx'
import classes from './editor.module.css'
import { type Choice, mergedText, mergeTexts } from './merge-text.ts'

/** Two people changed one plant: what can be merged is, and each conflict is chosen by the person. Nothing is lost. */
export function MergeDialog({
  base,
  baseText,
  mine,
  theirs,
  merged,
  close,
}: {
  readonly base: number
  readonly baseText: string
  readonly mine: string
  readonly theirs: {
    readonly version: number
    readonly text: string
    readonly author: string
    readonly message: string
  }
  readonly merged: (version: number, text: string) => void
  readonly close: () => void
}) {
  const parts = useMemo(() => mergeTexts(baseText, mine, theirs.text), [baseText, mine, theirs.text])
  const conflicts = parts.flatMap((part) => (part.kind === 'conflict' ? [part] : []))
  const [choices, setChoices] = useState<readonly (Choice | undefined)[]>(conflicts.map(() => undefined))
  const [shown, setShown] = useState('merged')
  const result = mergedText(parts, choices)
  const open = choices.filter((choice) => choice === undefined).length
  const choose = (index: number, choice: Choice) =>
    setChoices(choices.map((before, at) => (at === index ? choice : before)))
  return (
    <Modal
      opened
      onClose={close}
      size="min(70rem, 96vw)"
      title="Somebody saved meanwhile"
      closeButtonProps={{ 'aria-label': 'Close' }}
      closeOnClickOutside={false}
    >
      <p>
        {theirs.author} saved version {theirs.version} (“{theirs.message}”) after you began from version {base}. Your
        text is kept whatever you do here.
      </p>
      {conflicts.length === 0 ? (
        <Remark tone="good">The two fit together: nothing that you changed was changed by the other.</Remark>
      ) : (
        <Remark tone={open === 0 ? 'good' : 'warn'}>
          {open === 0
            ? 'Every conflict is settled.'
            : `${counted(open, 'place was', 'places were')} changed by both. Choose for each.`}
        </Remark>
      )}
      {conflicts.map((part, index) => {
        const choice = choices[index]
        const kind = choice === undefined ? '' : typeof choice === 'object' ? 'own' : choice
        return (
          // Conflicts have no name of their own: their order is their identity.
          <section key={`conflict ${index}`} className={classes['conflict']} aria-label={`Conflict ${index + 1}`}>
            <div className={classes['sides']}>
              <div className={classes['side']}>
                <strong>Mine</strong>
                <pre tabIndex={0}>{part.mine.length === 0 ? '(removed)' : part.mine.join('\n')}</pre>
              </div>
              <div className={classes['side']}>
                <strong>Theirs</strong>
                <pre tabIndex={0}>{part.theirs.length === 0 ? '(removed)' : part.theirs.join('\n')}</pre>
              </div>
            </div>
            <div className={classes['choose']}>
              <SegmentedControl
                aria-label={`Choice for conflict ${index + 1}`}
                value={kind}
                onChange={(value) =>
                  choose(
                    index,
                    value === 'own'
                      ? { own: part.mine.join('\n') }
                      : value === 'theirs'
                        ? 'theirs'
                        : value === 'both'
                          ? 'both'
                          : 'mine',
                  )
                }
                data={[
                  { value: 'mine', label: 'Mine' },
                  { value: 'theirs', label: 'Theirs' },
                  { value: 'both', label: 'Both' },
                  { value: 'own', label: 'Write it' },
                ]}
              />
              {typeof choice === 'object' ? (
                <Textarea
                  mt="sm"
                  aria-label={`Own text for conflict ${index + 1}`}
                  autosize
                  minRows={2}
                  maxRows={12}
                  value={choice.own}
                  onChange={({ currentTarget }) => choose(index, { own: currentTarget.value })}
                  styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
                />
              ) : null}
            </div>
          </section>
        )
      })}
      <div style={{ margin: '12px 0 8px' }}>
        <Filter
          label="What to look at"
          value={shown}
          choose={setShown}
          choices={[
            { value: 'merged', label: 'Merged, against theirs' },
            { value: 'mine', label: 'Mine' },
            { value: 'theirs', label: 'Theirs' },
          ]}
        />
      </div>
      {shown === 'mine' ? (
        <CodeDifference label="My changes" before={baseText} after={mine} />
      ) : shown === 'theirs' ? (
        <CodeDifference label="Their changes" before={baseText} after={theirs.text} />
      ) : result === undefined ? (
        <p>The merged text shows here when every conflict is settled.</p>
      ) : (
        <CodeDifference label="What the merged text changes in theirs" before={theirs.text} after={result} />
      )}
      <Group mt="md" gap="sm" justify="flex-end">
        <Button variant="default" onClick={close}>
          Back to my text
        </Button>
        <Button
          disabled={result === undefined}
          onClick={() => (result === undefined ? undefined : merged(theirs.version, result))}
        >
          Take the merged text
        </Button>
      </Group>
    </Modal>
  )
}
