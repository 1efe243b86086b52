import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'

/** An IPv4 packet that went over the loopback, as somebody outside sees it. */
export interface SeenPacket {
  readonly protocol: 'tcp' | 'udp'
  readonly from: string
  readonly to: string
  /** Bytes behind the transport's header. */
  readonly length: number
  readonly dscp: number
}

const script = `
import json, socket, struct, sys
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
sniffer.bind(('lo', 0))
print('ready', flush=True)
while '--try' not in sys.argv:
    frame, where = sniffer.recvfrom(65535)
    if where[2] == socket.PACKET_OUTGOING or frame[23] not in (6, 17):
        continue
    ip = frame[14:]
    head = (ip[0] & 15) * 4
    source, target = struct.unpack('!HH', ip[head:head + 4])
    own = 8 if ip[9] == 17 else (ip[head + 12] >> 4) * 4
    print(json.dumps({
        'protocol': 'udp' if ip[9] == 17 else 'tcp',
        'from': f'{socket.inet_ntoa(ip[12:16])}:{source}',
        'to': f'{socket.inet_ntoa(ip[16:20])}:{target}',
        'length': struct.unpack('!H', ip[2:4])[0] - head - own,
        'dscp': ip[1] >> 2,
    }), flush=True)
`

/** May this user listen to the loopback? It takes Linux, python3 and the right to open packet sockets. */
export const canSniff = spawnSync('python3', ['-c', script, '--try']).stdout?.toString().startsWith('ready') === true

/** Hears the packets of the loopback that match, until it is stopped. */
export async function sniff(
  matches: (packet: SeenPacket) => boolean,
): Promise<{ readonly packets: SeenPacket[]; stop(): Promise<void> }> {
  const child = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const packets: SeenPacket[] = []
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') {
        resolve()
        return
      }
      const packet = JSON.parse(line) as SeenPacket // the script above prints nothing else
      if (matches(packet)) packets.push(packet)
    })
  })
  await ready
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    packets,
    stop: async () => {
      child.kill()
      await ended
    },
  }
}
