import { Button } from '@mantine/core'

/** Reads the next page of a list; nothing where there is none. */
export function Older({
  query,
  label = 'Show more',
}: {
  readonly query: {
    readonly hasNextPage: boolean
    readonly isFetchingNextPage: boolean
    readonly fetchNextPage: () => unknown
  }
  readonly label?: string
}) {
  return query.hasNextPage ? (
    <Button mt="sm" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
      {label}
    </Button>
  ) : null
}
