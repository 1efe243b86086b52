import { linkSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often a holder renews its lock, and after how long without that a holder on another machine counts as dead. */
const renewMs = 5_000
const deadAfterMs = 60_000
const pollMs = 100

/**
 * Runs `work` while this process alone holds the lock file at `path`. A holder that died is noticed and replaced.
 *
 * @param {string} path the lock file; its folder is made
 * @param {() => Promise<T>} work
 * @param {(holder: { pid: number, what: string }) => void} waiting called once if somebody else holds the lock
 * @template T
 * @returns {Promise<T>}
 */
export async function withLock(path, what, work, waiting = () => {}) {
  mkdirSync(dirname(path), { recursive: true })
  const own = `${path}.${process.pid}`
  writeFileSync(own, JSON.stringify({ pid: process.pid, host: hostname(), what }))
  let told = false
  try {
    while (!take(own, path)) {
      const holder = readHolder(path)
      if (holder === undefined) continue
      if (!isAlive(holder)) {
        breakDead(path, own)
        continue
      }
      if (!told) waiting(holder)
      told = true
      await sleep(pollMs)
    }
  } finally {
    rmSync(own, { force: true })
  }
  const renewal = setInterval(() => touch(path), renewMs)
  renewal.unref()
  const release = () => rmSync(path, { force: true })
  process.on('exit', release)
  try {
    return await work()
  } finally {
    clearInterval(renewal)
    process.off('exit', release)
    release()
  }
}

/** A link either comes into being whole, or not at all: no reader ever sees a lock without its holder. */
function take(own, path) {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** Two processes that find the same dead holder must not remove each other's new lock, hence a lock for breaking locks. */
function breakDead(path, own) {
  const breaker = `${path}.break`
  if (!take(own, breaker)) {
    const other = readHolder(breaker)
    if (other !== undefined && !isAlive(other)) rmSync(breaker, { force: true })
    return
  }
  try {
    const holder = readHolder(path)
    if (holder !== undefined && !isAlive(holder)) rmSync(path, { force: true })
  } finally {
    rmSync(breaker, { force: true })
  }
}

function readHolder(path) {
  try {
    return { ...JSON.parse(readFileSync(path, 'utf8')), renewedAt: statSync(path).mtimeMs }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

function isAlive(holder) {
  if (holder.host !== hostname()) return Date.now() - holder.renewedAt < deadAfterMs
  return holder.pid !== process.pid && processLives(holder.pid)
}

/** Whether a process of this number runs on this machine. */
export function processLives(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function touch(path) {
  try {
    const now = new Date()
    utimesSync(path, now, now)
  } catch {
    // The folder was removed under us; the end of the work will say what is wrong with it.
  }
}
