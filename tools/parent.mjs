/** The process that started this one, as long as it lives. Windows goes on naming one that is gone. */
const parent = process.ppid

/** How often the parent is looked for, milliseconds. */
const lookMs = 1000

/**
 * Ends this process in order once whoever ran it for npm is gone. `kill` on npm reaches its shell and not what the shell
 * runs, and a plant that nobody sees would go on holding its addresses. Without npm in between, a program that outlives
 * its parent may be meant to.
 */
export function endWithParent(environment = process.env) {
  if (environment.npm_lifecycle_event === undefined) return
  const look = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(look)
    process.kill(process.pid, 'SIGTERM')
  }, lookMs)
  look.unref()
}
