// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot leave out the rows that are not in view
// biome-ignore-all lint/a11y/useFocusableInteractive: cells of a plain table are read, not operated
// biome-ignore-all lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useRef } from 'react'
import classes from './rows.module.css'

/** A column of a table. */
export interface Column<Row> {
  readonly key: string
  readonly head: ReactNode
  /** Share of the width, as a grid track: `8rem`, `minmax(6rem, 1fr)`. */
  readonly width: string
  readonly cell: (row: Row, index: number) => ReactNode
  readonly end?: boolean
}

/** Rows beyond which only those in view are drawn. */
const drawnAtOnce = 100

/** A table of rows of one height. Beyond 100 rows it scrolls by itself and draws what is in view. */
export function Rows<Row>({
  label,
  columns,
  rows,
  id,
  height = 32,
  selected,
  least = '0',
}: {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly id: (row: Row, index: number) => string
  /** Height of a row in px. */
  readonly height?: number
  readonly selected?: (row: Row) => boolean
  /** Width below which the table scrolls sideways. */
  readonly least?: string
}) {
  const frame = useRef<HTMLDivElement>(null)
  const isLong = rows.length > drawnAtOnce
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    overscan: 12,
    enabled: isLong,
  })
  const drawn = isLong
    ? virtual.getVirtualItems().map(({ index, start }) => ({ index, start }))
    : rows.map((_, index) => ({ index, start: undefined }))
  const tracks = { gridTemplateColumns: columns.map(({ width }) => width).join(' ') }
  return (
    // A region that scrolls must be reachable by keyboard.
    <section ref={frame} className={classes['frame']} data-long={isLong || undefined} tabIndex={0} aria-label={label}>
      <div role="table" aria-label={label} aria-rowcount={rows.length + 1} style={{ minWidth: least }}>
        <div role="rowgroup" className={classes['head']}>
          <div role="row" aria-rowindex={1} className={classes['row']} style={tracks}>
            {columns.map(({ key, head, end }) => (
              <span key={key} role="columnheader" className={classes['cell']} data-end={end}>
                {head}
              </span>
            ))}
          </div>
        </div>
        <div
          role="rowgroup"
          className={classes['body']}
          style={isLong ? { height: virtual.getTotalSize() } : undefined}
        >
          {drawn.map(({ index, start }) => {
            const row = rows[index]
            if (row === undefined) return null
            return (
              <div
                key={id(row, index)}
                role="row"
                aria-rowindex={index + 2}
                data-selected={selected?.(row) || undefined}
                className={classes['row']}
                style={{
                  ...tracks,
                  minHeight: height,
                  ...(start === undefined
                    ? {}
                    : { position: 'absolute', insetInline: 0, height, transform: `translateY(${start}px)` }),
                }}
              >
                {columns.map(({ key, cell, end }) => (
                  <span key={key} role="cell" className={classes['cell']} data-end={end}>
                    {cell(row, index)}
                  </span>
                ))}
              </div>
            )
          })}
        </div>
      </div>
    </section>
  )
}
