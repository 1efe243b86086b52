import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** What went wrong in words for the person at the keyboard: no stack is shown. */
export class Trouble extends Error {}

/**
 * Runs a program whose output is progress, and therefore goes to our standard error. Signals that reach us reach it too;
 * once it is gone we end as the signal asks.
 *
 * @returns {Promise<number>} its exit code
 */
export function runForProgress(file, args, { cwd, env = process.env, started = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 2, 2], windowsHide: true })
    if (child.pid !== undefined) started(child.pid)
    let ending
    const forward = (signal) => {
      ending = signal
      child.kill(signal)
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, forward)
    const settle = (conclude) => {
      for (const signal of signals) process.off(signal, forward)
      if (ending !== undefined) process.exit(128 + constants.signals[ending])
      conclude()
    }
    child.on('error', (error) => settle(() => reject(error)))
    child.on('exit', (code, signal) => settle(() => resolve(code ?? 128 + constants.signals[signal])))
  })
}

/** Runs a program and keeps what it says. Both streams come back as one text, in the order of arrival. */
export function runCaptured(file, args, { cwd, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
    const all = []
    const out = []
    child.stdout.on('data', (chunk) => {
      all.push(chunk)
      out.push(chunk)
    })
    child.stderr.on('data', (chunk) => all.push(chunk))
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? 128 + constants.signals[signal],
        output: Buffer.concat(all).toString('utf8'),
        stdout: Buffer.concat(out).toString('utf8'),
      }),
    )
  })
}

/** Seconds with one decimal, as progress lines show them. */
export function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}
