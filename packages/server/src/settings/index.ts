/**
 * What administrators set, the vendors that are believed, and how long what is kept.
 * @module
 */
export {
  addVendorAnchors,
  type Change,
  listVendorAnchors,
  removeVendorAnchor,
  type VendorAnchor,
  vendorAnchorCertificates,
} from './anchors.ts'
export { sweep, type Swept } from './retention.ts'
export {
  changeSettings,
  defaultSettings,
  readSettings,
  type Retention,
  type Settings,
  type SettingsChange,
} from './settings.ts'
