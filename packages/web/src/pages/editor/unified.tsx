// biome-ignore-all lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
// biome-ignore-all lint/suspicious/noArrayIndexKey: lines and steps may repeat, and their order is their identity
import classes from './editor.module.css'

/** Most lines that are drawn of a difference. */
const drawnAtMost = 3000

/** A difference as text: `+` and `-` before each line say which is which, colour only helps. */
export function Unified({ text, label }: { readonly text: string; readonly label: string }) {
  const lines = text
    .split('\n')
    .filter(
      (line) =>
        !line.startsWith('---') && !line.startsWith('+++') && !line.startsWith('===') && !line.startsWith('Index:'),
    )
  return (
    <section aria-label={label} className={classes['unified']} tabIndex={0}>
      <pre>
        {lines.slice(0, drawnAtMost).map((line, index) => (
          <span key={`${index} ${line}`} data-line={line.charAt(0)}>
            {line === '' ? ' ' : line}
          </span>
        ))}
        {lines.length > drawnAtMost ? <span data-line="@">… {lines.length - drawnAtMost} more lines</span> : null}
      </pre>
    </section>
  )
}
