import { useQuery } from '@tanstack/react-query'
import { Empty } from '../../components/empty.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { authoritiesQuery } from '../../data/trust.ts'
import type { StateWords } from '../../words/states.ts'
import { fingerprintText } from '../../words/trust.ts'

function stateWords(state: string): StateWords {
  const text = state.charAt(0).toUpperCase() + state.slice(1).replaceAll('-', ' ')
  if (state === 'active' || state === 'current') return { tone: 'good', text }
  return state === 'revoked' || state === 'compromised' ? { tone: 'bad', text } : { tone: 'none', text }
}

/** The root and those that issue, generation by generation. */
export function Authorities() {
  const query = useQuery(authoritiesQuery)
  return (
    <Section
      title="Authorities"
      lead="A root, and below it one that issues for each zone. An older generation stays until nothing that it issued is in use."
    >
      <Loaded query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No authority yet">The root is made with the first deployment, or by cordon ca init.</Empty>
          ) : (
            <Rows
              label="Authorities"
              least="66rem"
              rows={items}
              id={({ id }) => id}
              columns={[
                {
                  key: 'zone',
                  head: 'For',
                  width: 'minmax(8rem, 0.8fr)',
                  cell: ({ zone }) => (zone === null ? 'Root' : `Zone ${zone}`),
                },
                {
                  key: 'generation',
                  head: 'Generation',
                  width: '6.5rem',
                  end: true,
                  cell: ({ generation }) => generation,
                },
                { key: 'state', head: 'State', width: '8rem', cell: ({ state }) => <Tone {...stateWords(state)} /> },
                { key: 'ends', head: 'Ends', width: '9rem', cell: ({ notAfter }) => <Moment at={notAfter} /> },
                {
                  key: 'key',
                  head: 'Key',
                  width: '10rem',
                  cell: ({ keyKind, inHardware }) => `${keyKind}${inHardware ? ', in hardware' : ''}`,
                },
                {
                  key: 'issued',
                  head: 'Issued',
                  width: '5.5rem',
                  end: true,
                  cell: ({ issued }) => issued.toLocaleString('en-US'),
                },
                { key: 'crl', head: 'CRL', width: '4.5rem', end: true, cell: ({ crlNumber }) => crlNumber },
                {
                  key: 'subject',
                  head: 'Subject and fingerprint',
                  width: 'minmax(12rem, 1.2fr)',
                  cell: ({ subject, fingerprint }) => (
                    <span
                      title={`${subject}\nSHA-256 ${fingerprintText(fingerprint)}`}
                      style={{ whiteSpace: 'nowrap' }}
                    >
                      {subject} <span className="mono">{fingerprint.slice(0, 16)}…</span>
                    </span>
                  ),
                },
                {
                  key: 'chain',
                  head: 'Chain',
                  width: '7rem',
                  cell: ({ id, zone, generation }) => (
                    <a
                      href={`/api/v1/authorities/${encodeURIComponent(id)}/chain`}
                      download
                      aria-label={`Download the chain of ${zone === null ? 'the root' : `zone ${zone}`}, generation ${generation}`}
                    >
                      Download
                    </a>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Section>
  )
}
