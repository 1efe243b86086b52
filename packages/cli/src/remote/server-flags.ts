/** Options that say which manager is meant and who asks. */
export interface ServerFlags {
  readonly server?: string
  readonly tokenFile?: string
  readonly fingerprint?: string
  readonly ca?: string
}
