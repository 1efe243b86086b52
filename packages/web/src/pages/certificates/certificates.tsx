import { PageBody } from '../../components/page.tsx'
import { PageTabs } from '../../components/page-tabs.tsx'
import { ForThoseWith } from '../../components/permitted.tsx'
import { Anchors } from './anchors.tsx'
import { Authorities } from './authorities.tsx'
import { Inventory } from './inventory.tsx'

/** Certificates, the authorities that issued them, and the vendors that are believed. */
export function Page() {
  return (
    <ForThoseWith needs="certificate.read" title="Certificates">
      <PageBody title="Certificates" lead="What this manager issued, when it ends, and who is believed.">
        <PageTabs
          label="Certificates"
          parts={[
            { value: '', label: 'Certificates', body: <Inventory /> },
            { value: 'authorities', label: 'Authorities', body: <Authorities /> },
            { value: 'vendors', label: 'Vendor anchors', body: <Anchors /> },
          ]}
        />
      </PageBody>
    </ForThoseWith>
  )
}
