import { PageBody } from '../../components/page.tsx'
import { PageTabs } from '../../components/page-tabs.tsx'
import { ForThoseWith } from '../../components/permitted.tsx'
import { Backup } from './backup.tsx'
import { SettingsForm } from './settings-form.tsx'
import { SystemStatus } from './system-status.tsx'
import { Windows } from './windows.tsx'

/** How the manager works, and how it is. */
export function Page() {
  return (
    <ForThoseWith needs="settings.read" title="Settings">
      <PageBody title="Settings" lead="Of all managers that share this store.">
        <PageTabs
          label="Settings"
          parts={[
            { value: '', label: 'Settings', body: <SettingsForm /> },
            { value: 'system', label: 'System', body: <SystemStatus /> },
            { value: 'backup', label: 'Backup', body: <Backup /> },
            { value: 'windows', label: 'Maintenance windows', body: <Windows /> },
          ]}
        />
      </PageBody>
    </ForThoseWith>
  )
}
