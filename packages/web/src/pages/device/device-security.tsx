import type { SecurityTable } from '@cordon/core/tables'
import type { DeviceDetail } from '../../api-types.ts'
import { Empty } from '../../components/empty.tsx'
import { Fact, Facts, Part } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { ProtectionState, State } from '../../components/state.tsx'
import { securityTable } from './security-table.ts'
import classes from './device.module.css'

const uses = { own: 'own', authority: 'trusted authority', trusted: 'trusted identity' } as const

/** Objects 0x5D and 0x5E, suites, trust, ports and who was turned away, as the device last told. */
export function DeviceSecurity({ detail: { tables } }: { readonly detail: DeviceDetail }) {
  const security = securityTable(tables?.security)
  if (tables === null || security === undefined)
    return (
      <Empty title="Its security was not read yet">
        The page of all connections has a button that reads the devices; what they tell is kept here.
      </Empty>
    )
  return (
    <div className={classes['parts']}>
      <Part
        title="State"
        aside={
          <span>
            read <Moment at={tables.at} />
          </span>
        }
      >
        <Facts>
          <Fact name="CIP Security (0x5D)">{stateWord(security.cipSecurityState)}</Fact>
          <Fact name="EtherNet/IP Security (0x5E)">{stateWord(security.ethernetIpSecurityState)}</Fact>
          <Fact name="Peers must prove who they are">
            <Yes is={security.verifiesPeers} />
          </Fact>
          <Fact name="Expiry is checked">
            <Yes is={security.checksExpiration} />
          </Fact>
          <Fact name="Pre-shared keys">{security.preSharedKeys}</Fact>
          <Fact name="Revocation lists">{security.revocationLists}</Fact>
        </Facts>
      </Part>
      <Ports security={security} />
      <Suites title="Suites as target" suites={security.suites} />
      <Suites title="Suites as originator" suites={security.originatorSuites} />
      <div className={classes['wide']}>
        <Trust security={security} />
      </div>
      <div className={classes['wide']}>
        <Refusals security={security} />
      </div>
    </div>
  )
}

/** `factoryDefault` as people write it. */
function stateWord(state: string): string {
  return state === ''
    ? 'not told'
    : state.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
}

function Yes({ is }: { readonly is: boolean }) {
  return is ? (
    <State tone="good" icon="check">
      Yes
    </State>
  ) : (
    <State tone="warn" icon="warning">
      No
    </State>
  )
}

function Ports({ security: { ports } }: { readonly security: SecurityTable }) {
  return (
    <Part title="Ports">
      {ports.length === 0 ? (
        <p className={classes['none']}>It administers no ports.</p>
      ) : (
        <table className={classes['table']}>
          <thead>
            <tr>
              <th scope="col">Port</th>
              <th scope="col">State</th>
              <th scope="col">Carries</th>
            </tr>
          </thead>
          <tbody>
            {ports.map(({ port, protocol, open }) => (
              <tr key={`${protocol}/${port}`}>
                <td>
                  {protocol}/{port}
                </td>
                <td>
                  {open ? (
                    <State tone="part" icon="open">
                      Open
                    </State>
                  ) : (
                    <State tone="none" icon="lock">
                      Closed
                    </State>
                  )}
                </td>
                <td>{port === 2221 ? 'TLS and DTLS' : port === 44818 || port === 2222 ? 'plain traffic' : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  )
}

function Suites({ title, suites }: { readonly title: string; readonly suites: SecurityTable['suites'] }) {
  return (
    <Part title={title}>
      {suites.length === 0 ? (
        <p className={classes['none']}>None is allowed.</p>
      ) : (
        <div className={classes['scroll']}>
          <table className={classes['table']}>
            <thead>
              <tr>
                <th scope="col">Suite</th>
                <th scope="col">Meaning</th>
                <th scope="col">Protection</th>
              </tr>
            </thead>
            <tbody>
              {suites.map(({ suite, suiteName, meaning, confidentiality }) => (
                <tr key={suite}>
                  <td title={suiteName}>
                    <span className="mono">{suite.toString(16).toUpperCase().padStart(4, '0')}</span>
                  </td>
                  <td>{meaning}</td>
                  <td>
                    <ProtectionState protection={confidentiality} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Part>
  )
}

function Trust({ security: { certificates } }: { readonly security: SecurityTable }) {
  return (
    <Part title="Trust">
      {certificates.length === 0 ? (
        <p className={classes['none']}>It has no certificates and trusts nobody's.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus
        <section className={classes['scroll']} tabIndex={0} aria-label="Certificates of the device">
          <table className={classes['table']}>
            <thead>
              <tr>
                <th scope="col">Use</th>
                <th scope="col">Subject</th>
                <th scope="col">Issued by</th>
                <th scope="col">Ends</th>
                <th scope="col">Serial number</th>
              </tr>
            </thead>
            <tbody>
              {certificates.map(({ use, subject, issuer, serial, notAfter, expired, fingerprint }) => (
                <tr key={`${use} ${fingerprint}`}>
                  <td>{uses[use]}</td>
                  <td title={`SHA-256 ${fingerprint}`}>{subject}</td>
                  <td>{issuer}</td>
                  <td>
                    {expired ? (
                      <State tone="bad" icon="cross">
                        Expired
                      </State>
                    ) : (
                      <Moment at={notAfter} none="has no end" />
                    )}
                  </td>
                  <td className="mono">{serial}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Part>
  )
}

function Refusals({ security: { refusals } }: { readonly security: SecurityTable }) {
  return (
    <Part title="Recently turned away">
      {refusals.length === 0 ? (
        <p className={classes['none']}>It turned nobody away.</p>
      ) : (
        <table className={classes['table']}>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Peer</th>
              <th scope="col">Port</th>
              <th scope="col">Why</th>
              <th scope="col">Times</th>
            </tr>
          </thead>
          <tbody>
            {refusals.map(({ at, peer, peerName, port, reason, count }) => (
              <tr key={`${at} ${peer} ${port} ${reason}`}>
                <td>
                  <Moment at={at} />
                </td>
                <td title={peer}>{peerName ?? peer}</td>
                <td>{port}</td>
                <td>{reason}</td>
                <td>{count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Part>
  )
}
