/**
 * What a device can do: from `simulation.yaml`, discovery or read-back. A field that is absent is not known; validation
 * then says what it assumes, and a deployment asks again with what the device itself answered.
 */
export interface DeviceCapabilities {
  /** Speaks CIP Security at all (item 0x0086 in its ListIdentity reply, class 0x5D present). */
  readonly capable?: boolean | undefined
  /** 0x5E attribute 3, available suites. */
  readonly suites?: readonly number[] | undefined
  /** 0x5E attribute 18, available suites as originator (revision 9); as `suites` when absent. */
  readonly originatorSuites?: readonly number[] | undefined
  /** Class revisions: of 0x5E 7 or 9, of 0x5F 2 or 3. */
  readonly objectRevisions?:
    | { readonly ethernetIpSecurity?: number | undefined; readonly certificateManagement?: number | undefined }
    | undefined
  /** 0x5E class attribute 8, how many pre-shared keys it holds. */
  readonly pskSlots?: number | undefined
  /** Largest file in bytes that it accepts (class 0x37). */
  readonly fileLimit?: number | undefined
  /** Has the Ingress Egress object, class 0x63. */
  readonly ingressEgress?: boolean | undefined
  /** 0x5E attribute 12 can be set. */
  readonly trustedIdentities?: boolean | undefined
  /** CIP connections it can hold, by its EDS. */
  readonly maxConnections?: number | undefined
  /** 0x5D attribute 2, security profiles. */
  readonly profiles?: number | undefined
}

/** Capabilities by device name. */
export type Capabilities = ReadonlyMap<string, DeviceCapabilities>
