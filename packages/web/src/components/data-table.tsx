import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  sortFns,
  tableFeatures,
  useTable,
} from '@tanstack/react-table'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useMemo, useRef } from 'react'
import { Icon } from './icon.tsx'
import classes from './data-table.module.css'

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel(), sortFns })

/** A column. */
export interface Column<Row> {
  readonly id: string
  readonly header: string
  readonly cell: (row: Row) => ReactNode
  /** By what it sorts; without one the column is not sortable. Ignored where the manager sorts, but still needed. */
  readonly sort?: (row: Row) => string | number
  /** Width in CSS; shares what is left where absent. */
  readonly width?: string
  readonly align?: 'end'
}

/** From how many rows on only those that are seen are in the document. */
const virtualFrom = 100
const rowHeight = 33

/**
 * A table: sticky head, sortable, virtual beyond a hundred rows. It fills the height that it is given and scrolls within
 * itself. Its sort order is a text, `name` or `-name`, so that it can stand in the address.
 */
export function DataTable<Row>({
  label,
  columns,
  rows,
  rowKey,
  sort,
  onSort,
  sortedByManager = false,
  selected,
  empty,
  more,
  minWidth = 720,
}: {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly rowKey: (row: Row) => string
  readonly sort?: string | undefined
  readonly onSort?: (sort: string | undefined) => void
  /** The rows come in the wanted order. */
  readonly sortedByManager?: boolean
  /** Key of the row that is marked. */
  readonly selected?: string | undefined
  /** What to show without rows. */
  readonly empty: ReactNode
  /** Called when the end of the rows comes into sight and there are more. */
  readonly more?: (() => void) | undefined
  /** Below this width, px, it scrolls sideways. */
  readonly minWidth?: number
}) {
  const place = useRef<HTMLDivElement>(null)
  const sorting = useMemo(() => sortingOf(sort), [sort])
  const definitions = useMemo(
    () =>
      columns.map(
        (column): ColumnDef<typeof features, object> => ({
          id: column.id,
          header: column.header,
          enableSorting: column.sort !== undefined && onSort !== undefined,
          // The rows of this table are those that the columns were made for.
          accessorFn: ({ row }: { readonly row?: Row }) => (row === undefined ? '' : (column.sort?.(row) ?? '')),
          sortFn: 'alphanumeric',
        }),
      ),
    [columns, onSort],
  )
  const data = useMemo(() => rows.map((row) => ({ row })), [rows])
  const table = useTable({
    features,
    columns: definitions,
    data,
    state: { sorting },
    manualSorting: sortedByManager,
    onSortingChange: (update) => onSort?.(textOf(typeof update === 'function' ? update(sorting) : update)),
  })
  const shown = table.getRowModel().rows
  const isVirtual = shown.length > virtualFrom
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => place.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    enabled: isVirtual,
    initialRect: { width: 1000, height: 800 },
  })
  const items = isVirtual ? virtual.getVirtualItems() : shown.map((_, index) => ({ index }))
  const first = items[0]
  const last = items.at(-1)
  const before = isVirtual && first !== undefined ? first.index * rowHeight : 0
  const after = isVirtual && last !== undefined ? (shown.length - 1 - last.index) * rowHeight : 0
  const isAtEnd = last !== undefined && last.index >= shown.length - 1
  useEffect(() => {
    if (isAtEnd) more?.()
  }, [isAtEnd, more])

  return (
    // Reachable by keyboard, because it scrolls.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus
    <section className={classes['place']} ref={place} tabIndex={0} aria-label={label}>
      <table
        className={classes['table']}
        style={{ minWidth }}
        aria-rowcount={more === undefined ? shown.length + 1 : -1}
      >
        <colgroup>
          {columns.map(({ id, width }) => (
            <col key={id} style={width === undefined ? {} : { width }} />
          ))}
        </colgroup>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header, index) => (
                <th
                  key={header.id}
                  scope="col"
                  data-align={columns[index]?.align}
                  aria-sort={ariaSort(header.column.getIsSorted(), header.column.getCanSort())}
                >
                  {header.column.getCanSort() ? (
                    <button type="button" onClick={header.column.getToggleSortingHandler()}>
                      {String(header.column.columnDef.header)}
                      <span className={classes['mark']} data-on={header.column.getIsSorted() !== false}>
                        <Icon name={header.column.getIsSorted() === 'desc' ? 'down' : 'up'} size={10} />
                      </span>
                    </button>
                  ) : (
                    String(header.column.columnDef.header)
                  )}
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          <Spacer height={before} span={columns.length} />
          {items.map(({ index }) => {
            const row = rows[shown[index]?.index ?? -1]
            if (row === undefined) return null
            const key = rowKey(row)
            return (
              <tr key={key} aria-rowindex={index + 2} aria-selected={key === selected ? true : undefined}>
                {columns.map((column) => (
                  <td key={column.id} data-align={column.align}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            )
          })}
          <Spacer height={after} span={columns.length} />
        </tbody>
      </table>
      {rows.length === 0 ? empty : null}
    </section>
  )
}

/** Holds the place of the rows that are not in the document. */
function Spacer({ height, span }: { readonly height: number; readonly span: number }) {
  return height === 0 ? null : (
    <tr>
      <td colSpan={span} style={{ height, padding: 0, border: 0 }} />
    </tr>
  )
}

/** The state of the table from `name` or `-name`. */
export function sortingOf(sort: string | undefined): SortingState {
  if (sort === undefined || sort === '' || sort === '-') return []
  return sort.startsWith('-') ? [{ id: sort.slice(1), desc: true }] : [{ id: sort, desc: false }]
}

function textOf([first]: SortingState): string | undefined {
  return first === undefined ? undefined : `${first.desc ? '-' : ''}${first.id}`
}

function ariaSort(sorted: false | 'asc' | 'desc', can: boolean): 'ascending' | 'descending' | 'none' | undefined {
  if (!can) return undefined
  return sorted === false ? 'none' : sorted === 'asc' ? 'ascending' : 'descending'
}
