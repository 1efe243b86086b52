import type { DeviceDetail } from '../../api-types.ts'
import { Fact, Facts, Part } from '../../components/facts.tsx'
import { Link } from '../../components/link.tsx'
import { MessageList } from '../../components/message-list.tsx'
import { Moment } from '../../components/moment.tsx'
import { OutcomeState, ProtectionState, State } from '../../components/state.tsx'
import classes from './device.module.css'

/** Identity, certificate, what the model wants, the last deployment with its messages, and drift. */
export function DeviceOverview({ detail }: { readonly detail: DeviceDetail }) {
  const { device, identity, vendorFingerprint, findings } = detail
  return (
    <div className={classes['parts']}>
      <Part title="Identity">
        {identity === null ? (
          <p className={classes['none']}>It was not read yet. Discovery or a plan reads it.</p>
        ) : (
          <Facts>
            <Fact name="Product">{identity.productName}</Fact>
            <Fact name="Vendor">{identity.vendor}</Fact>
            <Fact name="Device type">{identity.deviceType}</Fact>
            <Fact name="Product code">{identity.productCode}</Fact>
            <Fact name="Revision">{identity.revision}</Fact>
            <Fact name="Serial number">
              <span className="mono">{identity.serial.toString(16).padStart(8, '0')}</span>
            </Fact>
            {vendorFingerprint === null ? null : (
              <Fact name="Vendor certificate">
                <span className="mono" title="SHA-256 of the certificate that was accepted at first contact">
                  {vendorFingerprint}
                </span>
              </Fact>
            )}
            <Fact name="Last read">
              <Moment at={device.updatedAt} />
            </Fact>
          </Facts>
        )}
      </Part>
      <Certificate detail={detail} />
      <Wanted detail={detail} />
      {findings.some(({ goneAt }) => goneAt === null) ? (
        <Part title="Drift" aside={<span>differs from the model now</span>}>
          <ul className={classes['stacked']}>
            {findings
              .filter(({ goneAt }) => goneAt === null)
              .map(({ id, text, explanation, foundAt }) => (
                <li key={id}>
                  <div className={classes['when']}>
                    <State tone="warn" icon="drift">
                      Drift
                    </State>
                    <Moment at={foundAt} />
                    <span>{explanation}</span>
                  </div>
                  {text}
                </li>
              ))}
          </ul>
        </Part>
      ) : null}
      <div className={classes['wide']}>
        <LastDeployment detail={detail} />
      </div>
    </div>
  )
}

function Certificate({ detail: { certificate } }: { readonly detail: DeviceDetail }) {
  return (
    <Part title="Certificate">
      {certificate === null ? (
        <p className={classes['none']}>It has no certificate of ours. A deployment installs one.</p>
      ) : (
        <Facts>
          <Fact name="Subject">{certificate.subject}</Fact>
          <Fact name="Issued by">{certificate.issuer}</Fact>
          <Fact name="Status">
            {certificate.status === 'valid' ? (
              <State tone="good" icon="check">
                Valid
              </State>
            ) : (
              <State tone="bad" icon="cross">
                {certificate.status === 'revoked' ? 'Revoked' : 'Expired'}
              </State>
            )}
          </Fact>
          <Fact name="Valid since">
            <Moment at={certificate.notBefore} />
          </Fact>
          <Fact name="Ends">
            <Moment at={certificate.notAfter} />
          </Fact>
          <Fact name="Serial number">
            <Link to="/certificates" search={{ search: certificate.serial }} className="mono">
              {certificate.serial}
            </Link>
          </Fact>
          <Fact name="SHA-256">
            <span className="mono">{certificate.fingerprint}</span>
          </Fact>
        </Facts>
      )}
    </Part>
  )
}

function Wanted({ detail: { wanted } }: { readonly detail: DeviceDetail }) {
  return (
    <Part title="What the model wants">
      {wanted === null ? (
        <p className={classes['none']}>
          The model wants nothing of it: it is in no plant file, or has no CIP Security.
        </p>
      ) : (
        <>
          <Facts>
            <Fact name="Enforced by">{wanted.enforcement}</Fact>
            <Fact name="Ports">{wanted.ports.length === 0 ? 'as they are' : wanted.ports.join(', ')}</Fact>
            <Fact name="Suites">{wanted.suites.length === 0 ? 'none' : wanted.suites.join(', ')}</Fact>
          </Facts>
          {wanted.peers.length === 0 ? null : (
            <table className={classes['table']} style={{ marginTop: 8 }}>
              <thead>
                <tr>
                  <th scope="col">Peer</th>
                  <th scope="col">Messaging</th>
                  <th scope="col">I/O</th>
                </tr>
              </thead>
              <tbody>
                {wanted.peers.map(({ name, messaging, io }) => (
                  <tr key={name}>
                    <td>{name}</td>
                    <td>
                      <ProtectionState protection={messaging} />
                    </td>
                    <td>
                      <ProtectionState protection={io} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </>
      )}
    </Part>
  )
}

function LastDeployment({ detail: { lastDeployment } }: { readonly detail: DeviceDetail }) {
  if (lastDeployment === null)
    return (
      <Part title="Last deployment">
        <p className={classes['none']}>
          Nothing was deployed to it yet. <Link to="/deployments">Make a plan</Link> to see what would change.
        </p>
      </Part>
    )
  const { id, at, outcome, messages } = lastDeployment
  return (
    <Part
      title="Last deployment"
      aside={
        <Link to={`/deployments/${encodeURIComponent(id)}`}>
          <Moment at={at} />
        </Link>
      }
    >
      <OutcomeState outcome={outcome} />
      {messages.length === 0 ? <p className={classes['none']}>No messages.</p> : <MessageList messages={messages} />}
    </Part>
  )
}
