import { commonPacket } from '../enip/common-packet.ts'
import { encapsulationProtocolVersion } from '../enip/register-session.ts'
import { encode } from '../wire/codec.ts'

/** Data of a ListServices reply: one item, `Communications`. */
export function listServicesData(io: boolean): Uint8Array {
  return encode(commonPacket, [
    {
      kind: 'listServices',
      protocolVersion: encapsulationProtocolVersion,
      capabilities: { cipOverTcp: true, class0Or1OverUdp: io },
      name: 'Communications',
    },
  ])
}

/** Data of a ListInterfaces reply: there are none besides CIP. */
export const listInterfacesData: Uint8Array = encode(commonPacket, [])
