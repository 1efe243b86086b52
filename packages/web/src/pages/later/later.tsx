import { PageBody } from '../../components/page.tsx'

/** In place of a page whose code is not part of this build. */
export function Page() {
  return (
    <PageBody title="Not in this build">
      <p>This page is not part of this build. The same work can be done on the command line: cordon --help.</p>
    </PageBody>
  )
}
