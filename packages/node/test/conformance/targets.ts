import type { Device } from '@cordon/core/device'
import { openConformancePort, type OpenConformancePort } from '../../src/conformance/port.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { plainDevice, secureDevice } from '../target/test-device.ts'

/** A target of a test, with a port to it. */
export interface Stand {
  readonly device: Device
  readonly host: TargetHost
  readonly port: OpenConformancePort
  close(): Promise<void>
}
