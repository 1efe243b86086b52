import { caseGroups, type CaseGroup, type ConformanceCase } from './case.ts'
import { accessCases, attributeCases } from './cases/attributes.ts'
import { connectionCases } from './cases/connections.ts'
import { consistencyCases } from './cases/consistency.ts'
import { credentialCases } from './cases/credentials.ts'
import { datagramCases } from './cases/datagrams.ts'
import { dtlsCases } from './cases/dtls.ts'
import { encapsulationCases } from './cases/encapsulation.ts'
import { fileCases } from './cases/files.ts'
import { ioCases } from './cases/io.ts'
import { listingCases } from './cases/listing.ts'
import { packetCases } from './cases/packets.ts'
import { portCases } from './cases/ports.ts'
import { routerCases } from './cases/router.ts'
import { serviceCases } from './cases/services.ts'
import { suiteCases } from './cases/suites.ts'
import { tlsCases } from './cases/tls.ts'

/** Every case, in the order in which they are run: what only asks comes before what changes something. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...listingCases,
  ...encapsulationCases,
  ...datagramCases,
  ...packetCases,
  ...routerCases,
  ...attributeCases,
  ...consistencyCases,
  ...accessCases,
  ...fileCases,
  ...serviceCases,
  ...connectionCases,
  ...ioCases,
  ...tlsCases,
  ...dtlsCases,
  ...suiteCases,
  ...credentialCases,
  ...portCases,
]

/** The cases whose group or id is named; a name ending in `*` stands for all ids that begin so. */
export function selectCases(names: readonly string[]): readonly ConformanceCase[] {
  if (names.length === 0) return conformanceCases
  return conformanceCases.filter((each) => names.some((name) => isNamed(each, name)))
}

/** Names that stand for no case. */
export function unknownNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => !conformanceCases.some((each) => isNamed(each, name)))
}

function isNamed({ id, group }: ConformanceCase, name: string): boolean {
  return name === group || name === id || (name.endsWith('*') && id.startsWith(name.slice(0, -1)))
}

/** The groups in their order. */
export const groupsInOrder: readonly CaseGroup[] = Object.keys(caseGroups).filter(isGroup)

function isGroup(name: string): name is CaseGroup {
  return name in caseGroups
}

/** The cases as the documentation prints them: a table per group, in Markdown. */
export function catalogueText(): string {
  const basis = { public: 'public', inferred: 'inferred', ours: 'ours' } as const
  return groupsInOrder
    .map((group) => {
      const rows = conformanceCases.filter((each) => each.group === group)
      const lines = rows.map(
        ({ id, title, source, basis: rests, kind }) =>
          `| \`${id}\` | ${title.replaceAll('|', '\\|')} | ${source.replace('cip-security-wire ', '').replaceAll('|', '\\|')} | ${basis[rests]} | ${kind} |`,
      )
      return [
        `### ${caseGroups[group]} (${rows.length})`,
        '',
        '| case | a target that passes … | source | rests on | does |',
        '| --- | --- | --- | --- | --- |',
        ...lines,
      ].join('\n')
    })
    .join('\n\n')
}
