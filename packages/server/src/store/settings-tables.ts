import type { ColumnType } from 'kysely'

/** Certificates of vendors that first contact with a device is checked by. */
export interface VendorAnchorTable {
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: string
  /** DER. */
  certificate: ColumnType<Uint8Array, Uint8Array, Uint8Array>
  subject: string
  not_after: ColumnType<Date, Date, never>
  /** Name of who added it. */
  added_by: string
  added_at: ColumnType<Date, Date | undefined, never>
}

/** Tables of what people set. */
export interface SettingsSchema {
  vendor_anchors: VendorAnchorTable
}
