import { Failure } from '../components/failure.tsx'
import { Link } from '../components/link.tsx'
import { Loading } from '../components/loading.tsx'
import { PageBody } from '../components/page.tsx'

/** For an address that leads nowhere. */
export function NotFound() {
  return (
    <PageBody title="Page not found">
      <p>
        There is no page at this address. <Link to="/">Go to the overview</Link>.
      </p>
    </PageBody>
  )
}

/** For a page that could not be loaded or shown. */
export function PageFailure({ error, reset }: { readonly error: unknown; readonly reset: () => void }) {
  return (
    <PageBody title="This page cannot be shown">
      <Failure
        cause={error}
        retry={() => {
          reset()
          window.location.reload()
        }}
      />
    </PageBody>
  )
}

/** While the code of a page is on its way. */
export function PageLoading() {
  return (
    <div style={{ padding: 24 }}>
      <Loading />
    </div>
  )
}
