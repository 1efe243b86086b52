import type { Command } from 'commander'
import { type Declare, list, plantHelp } from './declare.ts'

/** The commands about packet captures; gives the group, for those that are declared elsewhere. */
export function addCapture({ add, group }: Declare): Command {
  const capture = group(
    'capture',
    'what EtherNet/IP, CIP and CIP Security say in packet captures',
    'capture analyze run.pcapng --plant plant.yaml',
  )
  const open = (command: Command): Command =>
    command
      .option('--plant <file>', plantHelp)
      .option('--key-log <file>', 'secrets of TLS and DTLS sessions (NSS key log format); the file is only read')
      .option(
        '--key <file>',
        'private RSA key of a server in PEM, for sessions with RSA key exchange (may be given again)',
        list,
      )
      .option('--vendor-root <file>', 'PEM file with an authority of the makers of devices (may be given again)', list)
      .option(
        '--plant-root <file>',
        "PEM file with an authority of the plant's certificates (may be given again)",
        list,
      )
  const report = (command: Command): Command =>
    open(command)
      .option('--top <count>', 'rows of each table; 0 for all', '20')
      .option('--handshakes', 'tell the handshakes step by step')
  report(
    add(
      capture,
      'analyze <capture...>',
      'who talks to whom, how protected, what holds; with a plant file: what obeys it (exit 1 when something does not, 3 when not all could be judged)',
      'capture analyze run.pcapng --plant plant.yaml --output json',
      async () => (await import('../commands/capture-analyze.ts')).run,
    ),
  )
  open(
    add(
      capture,
      'decode <capture>',
      'every message on one line; with --output json one JSON object a line',
      'capture decode run.pcapng --key-log keys.log --address 127.17.81.51 --limit 50',
      async () => (await import('../commands/capture-decode.ts')).run,
    ),
  )
    .option('--address <address>', 'only what this address sent or received')
    .option('--port <number>', 'only what came from or went to this port')
    .option('--connection <id>', 'only this CIP connection id: 0x00252281')
    .option('--protocol <name>', 'only this protocol: ENIP, CIP, CIP CM, CIP I/O, TLS, DTLS')
    .option('--from-packet <number>', 'begin at this packet', '1')
    .option('--limit <count>', 'end after so many lines; 0 for none', '0')
  report(
    add(
      capture,
      'live',
      'capture with dumpcap until Ctrl-C, then report',
      'capture live --interface lo --duration 30s --plant plant.yaml',
      async () => (await import('../commands/capture-live.ts')).run,
    ),
  )
    .option('--interface <name>', 'where to capture', 'lo')
    .option('--duration <time>', 'end after this time: 30s, 5min')
    .option('--write <file>', 'keep the packets in this file too')
  return capture
}
