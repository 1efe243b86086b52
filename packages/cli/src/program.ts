import { Command } from 'commander'
import { shells } from './completion.ts'
import { exitCodeMeanings } from './exit-codes.ts'
import { addAuthority } from './program/ca.ts'
import { addConnections } from './program/connections.ts'
import { addConformance } from './program/conformance.ts'
import { addCapture } from './program/capture.ts'
import { declareFor, type Start, withExample } from './program/declare.ts'
import { addDevice } from './program/device.ts'
import { addDoctor } from './program/doctor.ts'
import { addDrift } from './program/drift.ts'
import { addEnrollment } from './program/enrollment.ts'
import { addEntropy } from './program/entropy.ts'
import { addEst } from './program/est.ts'
import { addLearn } from './program/learn.ts'
import { addManager } from './program/manager.ts'
import { addPlant } from './program/plant.ts'
import { addSecrets } from './program/secrets.ts'
import { addServer } from './program/server.ts'

/** What the arguments mean, by name: the same word means the same in every command. */
const argumentMeanings: Readonly<Record<string, string>> = {
  plant: 'the plant file, or the directory with its plant.yaml',
  target: 'address of the device, with a port where it is not the usual one: 127.17.81.51:2221',
  class: 'class code, decimal or hexadecimal: 0x5E',
  instance: 'instance number; 0 is the class itself',
  attribute: 'attribute number',
  service: 'service code, decimal or hexadecimal: 0x4B',
  hex: 'bytes as hex digits in the order of the wire, lowest byte of a number first',
  tag: 'symbolic name: Program:Main.Motor[3].Speed',
  device: 'name of the device in the plant file',
  channel: 'name of the channel in the enrollment file',
  zone: 'name of the zone in the plant file',
  plants: 'plant files whose plants are not in the store yet',
  user: 'name of the user',
  name: 'a letter, then letters, digits, _ and -',
  file: 'file of the backup',
  'plant-name': 'name of the plant at the manager',
  pem: 'a PEM file',
  sha256: 'SHA-256 fingerprint, as "cordon vendor list" shows it',
  link: 'the one-time link that the manager printed',
  version: 'number of a version',
  from: 'number of the earlier version',
  to: 'number of the later version',
  setting: 'ZONE=observe, ZONE=protect or ZONE=enforce',
  server: 'host, host:port or https://host:port/.well-known/est/label; without it, one that is announced',
  id: 'number of the request, as "cordon enrollment list" shows it',
  subject: 'name of the device, or serial number of a certificate',
  credential: 'name of the account, or fingerprint of the provisioning certificate',
  certificate: 'its name, or its SHA-256 fingerprint or the first 8 digits of it',
  rules: 'the enrollment file, e.g. enrollment.yaml',
  capture: 'a pcap or pcapng file; - for standard input',
  csv: 'the inventory: CSV with a heading of vendor, serial, mac, note',
  samples: 'file of samples, one per byte in its low bits',
  type: '0 power cycle, 1 factory default, 2 factory default except communication',
}

function describeArguments(command: Command): void {
  for (const argument of command.registeredArguments) {
    if (argument.description === '') argument.description = argumentMeanings[argument.name()] ?? ''
  }
  for (const child of command.commands) describeArguments(child)
}

/** How commands end, for scripts. */
function exitCodeLines(): string {
  return Object.entries(exitCodeMeanings)
    .map(([code, meaning]) => `  ${code.padEnd(5)}${meaning}`)
    .join('\n')
}

/**
 * The tree of commands. Declarations only: the work behind a command is loaded when it is called, so that `--help` and
 * completion stay fast.
 */
export function createProgram(start: Start, version: string): Command {
  const program = new Command('cordon')
    .description('CIP Security for EtherNet/IP: zones and conduits, enforced and proven')
    .version(version, '-V, --version', 'the version of Cordon and of the running OpenSSL')
    .option('-o, --output <format>', 'table, json or yaml')
    .option('--state <directory>', 'where Cordon keeps its state')
    .option('--server <url>', 'let this manager do it: https://HOST:8443')
    .option('--token-file <file>', 'API token for --server; default who signed in with "cordon login"')
    .option('--server-fingerprint <sha256>', 'the certificate that the manager must show')
    .option('--server-ca <file>', 'PEM file with the authority of the manager’s certificate')
    .option('--no-color', 'no colour, as NO_COLOR=1 in the environment')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    // One voice for all errors; commander's own begin with "error:".
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'cordon: ')) })
    .showHelpAfterError('(see --help)')
    .addHelpText('after', () => `\nExit codes:\n${exitCodeLines()}`)

  const declare = declareFor(program, start)
  addPlant(declare)
  addDoctor(declare)
  addDevice(declare)
  addConnections(declare)
  addLearn(declare, addCapture(declare))
  addDrift(declare)
  addConformance(declare)
  addAuthority(declare)
  addEst(declare)
  addSecrets(declare)
  addEnrollment(declare)
  addEntropy(declare)
  addServer(declare)
  addManager(declare)
  declare
    .add(
      program,
      'completion <shell>',
      'a script that completes commands, options and files in your shell',
      'completion bash > ~/.local/share/bash-completion/completions/cordon',
      async () => (await import('./commands/completion.ts')).run,
    )
    .registeredArguments[0]?.choices(shells)
  describeArguments(program)
  return withExample(program, 'demo')
}
