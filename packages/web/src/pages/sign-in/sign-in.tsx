import { PageBody } from '../../components/page.tsx'

/** Where somebody who is not signed in is sent. */
export function Page() {
  return (
    <PageBody title="Sign in">
      <p>You are not signed in.</p>
    </PageBody>
  )
}
