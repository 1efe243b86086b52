import { execFile } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { promisify } from 'node:util'
import type { PrivateKey } from '@cordon/core/crypto'
import { nodeCrypto } from '@cordon/node/crypto'
import { Pkcs11KeyStore, Signers } from '@cordon/node/pkcs11'
import { type Figure, median, rounded } from './figure.ts'
import { benchToken } from './token.ts'

/** Signatures that are under way at once. */
const underWay = 32
const rounds = 5
const target = 20
/** What OpenSSL calls the kinds of key that an authority may have. */
const kinds = { 'ecdsa-p256': 'ecdsap256', 'ecdsa-p384': 'ecdsap384', 'rsa-3072': 'rsa3072' } as const
const algorithms = Object.entries(kinds) as [keyof typeof kinds, string][] // the keys of the object above
/** The size of a signed part. */
const message = nodeCrypto.random(600)

/**
 * The longest that the event loop stood still while 32 signatures of each kind of CA key were under way, and how many of
 * them there were in a second, beside one thread of `openssl speed` in the same run.
 */
export async function signingFigures(): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const [kind, algorithm] of algorithms) {
    const key = await nodeCrypto.generateKey(kind)
    figures.push(...figuresOf(kind, await timeRounds(key), await opensslSpeed(algorithm)))
  }
  figures.push(...(await tokenFigures()))
  return figures
}

/** The same with keys in a token of SoftHSM, which the signer process holds. */
async function tokenFigures(): Promise<readonly Figure[]> {
  using token = benchToken()
  if (token === undefined) {
    process.stderr.write('not measured, signing through PKCS#11: SoftHSM is missing (apt-get install softhsm2)\n')
    return []
  }
  await using signers = new Signers()
  const store = new Pkcs11KeyStore(token.uri, { signers })
  const figures: Figure[] = []
  for (const [kind, algorithm] of algorithms) {
    const key = await store.generate(kind, kind)
    figures.push(...figuresOf(`pkcs11-${kind}`, await timeRounds(key), await opensslSpeed(algorithm)))
  }
  return figures
}

interface Run {
  readonly delayMs: number
  readonly perSecond: number
}

function figuresOf(name: string, runs: readonly Run[], baseline: number | undefined): readonly Figure[] {
  const delayMs = Math.max(...runs.map((run) => run.delayMs))
  const perSecond = median(runs.map((run) => run.perSecond))
  return [
    {
      name: `signing-delay-${name}`,
      value: rounded(delayMs),
      unit: 'ms',
      target: `event loop under ${target} ms`,
      met: delayMs < target,
    },
    {
      name: `signing-rate-${name}`,
      value: rounded(perSecond),
      unit: 'signatures/s',
      ...(baseline === undefined ? {} : { baseline: rounded(baseline), ratio: rounded(perSecond / baseline) }),
      target: 'beside one thread of openssl speed',
    },
  ]
}

async function timeRounds(key: PrivateKey): Promise<readonly Run[]> {
  await key.sign(message)
  const runs: Run[] = []
  for (let round = 0; round < rounds; round++) runs.push(await timeSignatures(key))
  return runs
}

async function timeSignatures(key: PrivateKey): Promise<Run> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // A monitor that has seen no turn of the loop says nothing.
  await new Promise((resolve) => setTimeout(resolve, 5))
  delay.reset()
  const start = performance.now()
  await Promise.all(Array.from({ length: underWay }, () => key.sign(message)))
  const spent = performance.now() - start
  await new Promise((resolve) => setTimeout(resolve, 5))
  delay.disable()
  return { delayMs: delay.max / 1e6, perSecond: (underWay * 1000) / spent }
}

/** Signatures in a second; undefined where there is no `openssl` command. */
async function opensslSpeed(algorithm: string): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)('openssl', ['speed', '-mr', '-seconds', '1', algorithm], {
      timeout: 60_000,
    })
    // +F2 is RSA and +F4 ECDSA: index, bits, signatures and verifications in a second.
    const [, signatures] = /^\+F[24]:\d+:\d+:([\d.]+)/m.exec(stdout) ?? []
    return signatures === undefined ? undefined : Number(signatures)
  } catch {
    return undefined
  }
}
