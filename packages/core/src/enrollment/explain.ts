import { formatTime } from '../wire/calendar.ts'
import { type EnrollmentPolicy, type PolicyKind, type Rule, rulesIn } from './approval-policy.ts'

/** What choosing a policy means. */
export interface PolicyAdvice {
  readonly title: string
  readonly proves: string
  readonly fits: string
  readonly risks: string
  readonly advice: string
}

/** The six policies (source 002): what each is good for, and what goes wrong with it. */
export const policyAdvice: Readonly<Record<PolicyKind, PolicyAdvice>> = {
  vendorCertificate: {
    title: 'vendor certificate',
    proves: 'the unit was made by a vendor you trust, and which one it is',
    fits: 'large plants and quick replacement: nobody has to do anything when a unit is put on the network',
    risks:
      'whoever breaks the authority of a vendor, or one unit of it through a flaw of its firmware, can enroll what they like; a genuine controller may run a hostile program. Many devices and every PC have no such certificate',
    advice:
      'trust few vendors, keep their revocation lists current, and join it with an inventory where units are known beforehand',
  },
  administrator: {
    title: 'administrator approval',
    proves: 'a person looked at this request and wanted it',
    fits: 'small plants, rare additions, or where each unit is to be accounted for by hand',
    risks: 'the unit stays out of service until somebody looks; who approves everything approves the attacker too',
    advice: 'switch on notification, let requests expire, and ask for two people where it matters',
  },
  serialList: {
    title: 'serial-number list',
    proves: 'the unit stands in your inventory, as far as its number is proven',
    fits: 'sites that keep an inventory already: what was bought may come in by itself',
    risks:
      'a number that is only claimed can be read off a label and copied; serial numbers alone are unique for one vendor only',
    advice: 'leave `needs: proven` as it is; where devices have no vendor certificate, join it with an administrator',
  },
  password: {
    title: 'user name and password',
    proves: 'somebody who knows the password is at work',
    fits: 'software on PCs, which has a keyboard and cannot have a vendor certificate',
    risks: 'passwords are shared, written down and guessed; most devices have no way to enter one',
    advice: 'give each account a small count, a label and a subject of its own, and close it when the work is done',
  },
  provisioningCertificate: {
    title: 'provisioning certificate',
    proves: 'somebody holds a key that you handed out for commissioning',
    fits: 'commissioning with smart cards or removable media, PCs included',
    risks: 'media are lost and stolen; in a large system nobody knows where all the keys are',
    advice: 'keep the keys on smart cards, let each certificate count once, and revoke what is lost',
  },
  globalGrant: {
    title: 'global grant',
    proves: 'nothing',
    fits: 'laboratories and trials, or where the network is guarded otherwise and certificates only keep count',
    risks: 'everybody who reaches the network gets in; most of what enrollment protects is given up',
    advice: 'keep it short and out of production, and look through what was issued afterwards',
  },
}

/** A rule in one line, as people say it. */
export function formatRule(rule: Rule): string {
  switch (rule.kind) {
    case 'anyOf':
      return rule.of.length === 1 ? rule.of.map(formatRule).join('') : `any of (${rule.of.map(formatRule).join('; ')})`
    case 'allOf':
      return rule.of.length === 1 ? rule.of.map(formatRule).join('') : `all of (${rule.of.map(formatRule).join('; ')})`
    case 'not':
      return `not (${formatRule(rule.of)})`
    case 'vendorCertificate':
      return `vendor certificate of ${rule.vendors.join(' or ')}`
    case 'administrator':
      return rule.approvals === 1 ? 'approval by an administrator' : 'approval by two administrators'
    case 'serialList': {
      const number =
        rule.by === undefined ? 'serial number or MAC address' : rule.by === 'mac' ? 'MAC address' : 'serial number'
      return `${number} in list ${rule.list}, ${rule.needs}`
    }
    case 'password':
      return `password of account ${rule.accounts.join(' or ')}`
    case 'provisioningCertificate':
      return `provisioning certificate of ${rule.authorities.join(' or ')}`
    case 'globalGrant':
      return `everybody from ${formatTime(rule.from)} until ${formatTime(rule.until)}`
  }
}

/** Rules explained. */
export interface PolicyExplanation {
  readonly labels: readonly {
    /** Null: the path without a label. */
    readonly label: string | null
    readonly rule: string
    readonly warnings: readonly string[]
  }[]
  /** The policies that occur, each once. */
  readonly policies: readonly (PolicyAdvice & { readonly kind: PolicyKind })[]
}

/** What rules mean, and the risks and fit of each policy in them. */
export function explainPolicy(policy: EnrollmentPolicy): PolicyExplanation {
  const kinds = new Set<PolicyKind>()
  const labels = [...policy.labels].map(([label, rule]) => {
    for (const each of rulesIn(rule)) {
      if (each.kind !== 'anyOf' && each.kind !== 'allOf' && each.kind !== 'not') kinds.add(each.kind)
    }
    return { label: label ?? null, rule: formatRule(rule), warnings: warningsOf(rule, policy) }
  })
  return { labels, policies: [...kinds].map((kind) => ({ kind, ...policyAdvice[kind] })) }
}

function warningsOf(rule: Rule, policy: EnrollmentPolicy): readonly string[] {
  const warnings: string[] = []
  for (const each of rulesIn(rule)) {
    if (each.kind === 'globalGrant') {
      warnings.push(`until ${formatTime(each.until)} everybody who reaches the server gets a certificate`)
    }
    if (each.kind === 'serialList' && each.needs !== 'proven') {
      warnings.push(`list ${each.list} takes numbers that are only ${each.needs}: anybody who knows one can use it`)
    }
    if (each.kind === 'vendorCertificate') {
      const unchecked = each.vendors.filter((name) => policy.vendors.get(name)?.revocation === 'off')
      if (unchecked.length > 0) warnings.push(`revoked certificates of ${unchecked.join(', ')} count`)
    }
    if (each.kind === 'provisioningCertificate') {
      const many = each.authorities.filter((name) => policy.provisioning.get(name)?.use === 'many')
      if (many.length > 0) warnings.push(`a stolen certificate of ${many.join(', ')} works until it is revoked`)
    }
  }
  return [...new Set(warnings)]
}

/** An explanation as text for a terminal. */
export function formatExplanation({ labels, policies }: PolicyExplanation): string {
  const rules = labels.flatMap(({ label, rule, warnings }) => [
    `${label ?? 'without a label'}: ${rule}`,
    ...warnings.map((warning) => `  warning: ${warning}`),
  ])
  const advice = policies.flatMap(({ title, proves, fits, risks, advice }) => [
    '',
    title,
    `  proves  ${proves}`,
    `  fits    ${fits}`,
    `  risks   ${risks}`,
    `  advice  ${advice}`,
  ])
  return [...rules, ...advice].join('\n')
}
