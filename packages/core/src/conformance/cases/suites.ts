import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, type CaseText } from '../define.ts'
import { u16 } from '../frames.ts'
import { hello, type HelloProtocol, isRefusal } from '../hello.ts'
import type { Judge } from '../judge.ts'
import { decodeCertificate } from '../../x509/certificate.ts'
import { MalformedMessage } from '../../errors.ts'
import { hexadecimal } from '../../wire/text.ts'
import { suitesIn } from './consistency.ts'
import { type SuiteRow, foreignSuites, suiteRows } from './suite-table.ts'
import { usualOffer } from './tls.ts'

const words = { tls: 'TLS', dtls: 'DTLS' } as const

/** Whether this suite can be served at all: a key for it must be there. */
async function servable(bench: Bench, row: SuiteRow): Promise<boolean> {
  if (row.proof === 'psk') return ((await bench.value(0x5e, 1, 5))[0] ?? 0) > 0
  const flight = await hello(bench, 'tls', await usualOffer(bench))
  const [leaf] = flight.certificates
  if (leaf === undefined) return false
  try {
    return decodeCertificate(leaf).key.family === row.proof
  } catch (error) {
    if (error instanceof MalformedMessage) return false
    throw error
  }
}

/** Rules of 0x63 may narrow the suites by who asks. */
async function hasIngressRules(bench: Bench): Promise<boolean> {
  if (!bench.facts.classes.has(0x63)) return false
  const reply = await bench.get(0x63, 1, 1)
  return reply.status === 0 && u16(reply.data, 0) > 0
}

/** A suite is accepted exactly where 0x5E attribute 4 allows it and there is a key for it. */
function allowedOrNot(protocol: HelloProtocol, row: SuiteRow): CaseText {
  const name = `${row.name} (${hexadecimal(row.id, 4)})`
  return {
    id: `${protocol}-${row.id.toString(16).padStart(4, '0')}`,
    title: `${name} is accepted over ${words[protocol]} where 0x5E attribute 4 allows it, and refused where not`,
    source: '4.2 attribute 4, 5.2 [W][H][R]',
    needs: [protocol, { class: 0x5e }],
    run: async (bench, judge) => {
      const allowed = suitesIn(await bench.value(0x5e, 1, 4)).includes(row.id)
      if (allowed && (await hasIngressRules(bench))) {
        judge.notApplicable('ingress rules (0x63) decide which of the allowed suites we may use')
      }
      if (allowed && !(await servable(bench, row))) judge.notApplicable('allowed, but there is no key for it')
      const flight = await hello(bench, protocol, { suites: [row.id] })
      if (flight.outcome === 'silence' && !isRefusal(flight)) judge.inconclusive('no answer to the ClientHello')
      if (allowed) {
        judge.holds(flight.outcome === 'hello', 'ServerHello: the suite is allowed', flight.reason, flight.bytes)
        judge.code('suite', row.id, flight.serverHello?.suite ?? 0, 4, flight.bytes)
      } else judge.holds(isRefusal(flight), 'a refusal: the suite is not allowed', flight.reason, flight.bytes)
    },
  }
}

/** A suite that CIP Security does not have is refused. */
function foreign(protocol: HelloProtocol, id: number, name: string): CaseText {
  return {
    id: `${protocol}-foreign-${id.toString(16).padStart(4, '0')}`,
    title: `${name} (${hexadecimal(id, 4)}), which is no suite of CIP Security, is refused over ${words[protocol]}`,
    source: '5.2 [W][H][R]',
    needs: [protocol],
    run: async (bench: Bench, judge: Judge) => {
      const flight = await hello(bench, protocol, { suites: [id] })
      if (flight.outcome === 'silence' && !isRefusal(flight)) judge.inconclusive('no answer to the ClientHello')
      judge.holds(isRefusal(flight), 'a refusal', flight.reason, flight.bytes)
    },
  }
}

const protocols = ['tls', 'dtls'] as const

/** Suites, one by one, over both (cip-security-wire 5.2). */
export const suiteCases: readonly ConformanceCase[] = cases(
  'suites',
  [],
  protocols.flatMap((protocol) => [
    ...suiteRows.map((row) => allowedOrNot(protocol, row)),
    ...foreignSuites.map(([id, name]) => foreign(protocol, id, name)),
  ]),
)
