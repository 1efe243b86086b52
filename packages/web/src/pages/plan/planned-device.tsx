// biome-ignore-all lint/suspicious/noArrayIndexKey: lines and steps may repeat, and their order is their identity
import { Code } from '@mantine/core'
import { Detail } from '../../components/detail.tsx'
import { Link } from '../../components/link.tsx'
import { Messages } from '../../components/messages.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import type { Shapes } from '../../api-types.ts'
import { actions } from '../../words/states.ts'
import classes from './planned-device.module.css'

/** What a plan does to one device: each change, each step, what is interrupted. */
export function PlannedDeviceDetail({
  planned,
  close,
  plant,
}: {
  readonly planned: Shapes['PlannedDevice'] | undefined
  readonly close: () => void
  readonly plant: string
}) {
  return (
    <Detail title={planned?.device ?? ''} isOpen={planned !== undefined} close={close}>
      {planned === undefined ? null : <Body planned={planned} plant={plant} />}
    </Detail>
  )
}

function Body({ planned, plant }: { readonly planned: Shapes['PlannedDevice']; readonly plant: string }) {
  const { device, address, zone, action, changes, steps, interrupts, fingerprint, messages } = planned
  const { tone, text, meaning } = actions[action]
  return (
    <>
      <Facts
        facts={[
          ['Action', <Tone key="a" tone={tone === 'busy' ? 'wait' : tone} text={text} strong />],
          [
            'Address',
            <span key="b" className="mono">
              {address}
            </span>,
          ],
          ['Zone', zone],
        ]}
      />
      <p>{meaning}</p>
      <Messages messages={messages} />
      {interrupts.length === 0 ? null : (
        <Section
          title="Interrupts"
          lead="These stop for a moment and come back, or stay away where the policy forbids them."
        >
          <ul className={classes['plain']}>
            {interrupts.map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </Section>
      )}
      {changes.length === 0 ? null : (
        <Section title="Changes">
          <table className={classes['changes']}>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col">Interrupts</th>
              </tr>
            </thead>
            <tbody>
              {changes.map((change) => (
                <tr key={`${change.what} ${change.from} ${change.to}`}>
                  <th scope="row">{change.what}</th>
                  <td>{change.from === '' ? 'none' : change.from}</td>
                  <td>{change.to === '' ? 'none' : change.to}</td>
                  <td>{change.interrupts ? <Tone tone="warn" text="Yes" /> : 'No'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Section>
      )}
      {steps.length === 0 ? null : (
        <Section title="Steps">
          <ol className={classes['steps']}>
            {steps.map((step, index) => (
              <li key={`${index} ${step}`}>{step}</li>
            ))}
          </ol>
        </Section>
      )}
      {fingerprint === null ? null : (
        <Section
          title="Default certificate"
          lead="SHA-256 of what the device showed. Compare it with the label of the device or what the vendor says."
        >
          <Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
            {fingerprint.replace(/(.{8})(?=.)/g, '$1 ')}
          </Code>
          {action === 'refused' ? (
            <Remark tone="info">
              Compared and equal?{' '}
              <Link to="/plans/new" search={{ plant, compared: `${device}:${fingerprint}` }}>
                Plan again with it as proof
              </Link>
              .
            </Remark>
          ) : null}
        </Section>
      )}
    </>
  )
}
