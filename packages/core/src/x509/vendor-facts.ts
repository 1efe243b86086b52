import { MalformedMessage } from '../errors.ts'
import { latin1, utf8 } from '../wire/text.ts'
import { hex } from './der.ts'
import type { Extensions } from './extensions.ts'
import { attributeTypes, type AttributeLabel, type Name } from './name.ts'
import { checkDer, derContent, derTags } from './strict.ts'

/** What a vendor certificate says about a device: who made it and which one it is (Identity attributes 1 and 6). */
export interface VendorFacts {
  /** CIP Vendor ID, 0 to 65535. */
  readonly vendorId: number
  /** CIP serial number, 32 bits. */
  readonly serialNumber: number
  /** The product, such as `1756-L85E/B`, where the template tells. */
  readonly product?: string
}

/** Where in a certificate one vendor writes these facts: an attribute of the subject, or an extension of its own. */
export type VendorPlace =
  | { readonly attribute: AttributeLabel; readonly extension?: undefined }
  /** Dotted object identifier. A text in it is read as text, anything else as the hex of the extension's value. */
  | { readonly attribute?: undefined; readonly extension: string }

/**
 * How one vendor writes these facts. Volume 8 defines the encoding and is not public, so it is data, per vendor.
 */
export type VendorTemplate = VendorPlace & {
  /** For messages. */
  readonly name: string
  /**
   * How the text is split: groups `serial` (hex) and, where the vendor writes them, `vendor` (hex) and `product`. It runs
   * against what a stranger wrote: one from a configuration must come from `compilePattern`.
   */
  readonly pattern: RegExp
  /** The CIP Vendor ID, for vendors that do not write it. */
  readonly vendorId?: number | undefined
}

/**
 * Deviation: the place of Vendor ID and serial number inside a vendor certificate is not public; ours is the subject's
 * serialNumber as `VVVV-SSSSSSSS`, upper-case hex (cip-security-wire 5.4).
 */
export const cordonVendorTemplate: VendorTemplate = {
  name: 'serialNumber VVVV-SSSSSSSS',
  attribute: 'serialNumber',
  pattern: /^(?<vendor>[0-9A-Fa-f]{4})-(?<serial>[0-9A-Fa-f]{8})$/,
}

/** As seen in the field: common name `1756-L85E/B (00e17387)`, the CIP serial number in hex (cip-security-wire 5.4). */
export const rockwellVendorTemplate: VendorTemplate = {
  name: 'common name PRODUCT (ssssssss)',
  attribute: 'CN',
  pattern: /^(?<product>[^()]{1,40}) \((?<serial>[0-9A-Fa-f]{8})\)$/,
  vendorId: 1,
}

/** The templates tried when nobody names one, in this order. */
export const vendorTemplates: readonly VendorTemplate[] = [cordonVendorTemplate, rockwellVendorTemplate]

/** Longest text that a template is tried on. */
const longestText = 256

/**
 * What a vendor certificate claims, by the first template that fits; undefined when none does. A claim is worth what the
 * chain of the certificate is worth: judge that first. A request claims in the same places, and proves nothing.
 */
export function vendorFacts(
  holder: { readonly subject: Name; readonly extensions: Extensions },
  templates: readonly VendorTemplate[] = vendorTemplates,
): VendorFacts | undefined {
  for (const template of templates) {
    const text = textAt(holder, template)
    const match = text === undefined || text.length > longestText ? null : template.pattern.exec(text)
    const { serial, vendor, product } = match?.groups ?? {}
    const vendorId = vendor === undefined ? template.vendorId : numberIn(vendor, 0xffff)
    const serialNumber = serial === undefined ? undefined : numberIn(serial, 0xffff_ffff)
    if (serialNumber === undefined || vendorId === undefined) continue
    return product === undefined ? { vendorId, serialNumber } : { vendorId, serialNumber, product }
  }
  return undefined
}

function textAt(
  holder: { readonly subject: Name; readonly extensions: Extensions },
  place: VendorPlace,
): string | undefined {
  if (place.attribute !== undefined) {
    const type = attributeTypes[place.attribute]
    // Two values of the attribute could be read two ways by two readers: then neither is believed.
    const values = holder.subject.parts.flat().filter((each) => each.type === type)
    return values.length === 1 ? values[0]?.value : undefined
  }
  const value = holder.extensions.all.find(({ type }) => type === place.extension)?.value
  return value === undefined || value.length > longestText ? undefined : extensionText(value)
}

/** Extensions that nobody else knows passed no gate yet, and need not hold DER at all. */
function extensionText(value: Uint8Array): string {
  try {
    const root = checkDer(value, 'extension')
    if (root.tag === derTags.utf8String) return utf8(derContent(value, root)) ?? hex(value)
    if (root.tag === derTags.printableString || root.tag === derTags.ia5String) return latin1(derContent(value, root))
  } catch (error) {
    // Not DER: its bytes are all there is to read.
    if (!(error instanceof MalformedMessage)) throw error
  }
  return hex(value)
}

/** A number in hex, as far as it fits: patterns from a configuration may capture anything. */
function numberIn(text: string, most: number): number | undefined {
  const value = /^[0-9A-Fa-f]{1,8}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN
  return value <= most ? value : undefined
}
