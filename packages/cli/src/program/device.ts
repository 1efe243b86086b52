import { type Command, Option } from 'commander'
import { type Declare, from } from './declare.ts'

/** The commands about one device. */
export function addDevice({ add, group }: Declare): void {
  const device = group('device', 'look at one device and change it', 'device show 127.17.81.51 --plain')
  const reach = (command: Command): Command =>
    command
      .addOption(
        new Option('--plant <file>', 'open it as the manager of this plant, once it is commissioned').conflicts([
          'plain',
          'pin',
        ]),
      )
      .addOption(new Option('--plain', 'open it in plain on 44818').conflicts('pin'))
      .option('--pin <sha256>', 'open it over TLS by the certificate that it must show, while it is factory-new')
      .option('--route <path>', 'to a device behind it, as port and slot: 1,0')
      .addOption(from())
  reach(
    add(
      device,
      'show <target>',
      'identity, security objects and ports',
      'device show 127.17.81.51 --plain',
      async () => (await import('../commands/device-show.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'get <target> <class> <instance> [attribute]',
      'read an attribute, or all of an instance',
      'device get 127.17.81.51 0x5E 1 4 --plant plant.yaml',
      async () => (await import('../commands/device-get.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'set <target> <class> <instance> <attribute> <hex>',
      'write an attribute as hex bytes',
      'device set 127.17.81.51 0xF5 1 13 7800 --plant plant.yaml',
      async () => (await import('../commands/device-set.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'call <target> <class> <instance> <service> [hex]',
      'call a service with hex data',
      'device call 127.17.81.51 0x01 1 0x4B 05 --plain',
      async () => (await import('../commands/device-call.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'read-tag <target> <tag>',
      'read a tag of a controller',
      'device read-tag 127.17.83.30 Read_L8_String --plain',
      async () => (await import('../commands/device-read-tag.ts')).run,
    ),
  ).option('--elements <count>', 'how many elements of an array', '1')
  reach(
    add(
      device,
      'reset <target> <type>',
      'Identity reset: 0 power cycle, 1 factory, 2 factory except communication',
      'device reset 127.17.81.60 0 --plain',
      async () => (await import('../commands/device-reset.ts')).run,
    ),
  ).option('-y, --yes', 'do not ask')
  add(
    device,
    'connections [target]',
    "a device's live tables from its own pages; without a target, what the running virtual plant has open",
    'device connections 127.17.81.51 --page tcp',
    async () => (await import('../commands/device-connections.ts')).run,
  )
    .addOption(
      new Option('--page <table>', 'which table').choices(['identity', 'tcp', 'tls', 'dtls', 'bridge', 'security']),
    )
    .option('--plant <file>', 'plant file in which the target is a name')
    .option('--directory <directory>', 'state of the virtual plant')
    .addOption(from())
}
