// The one way in from a checkout: `node run.mjs start|test|build|bench|check|setup [arguments]`.
// This file must parse on any Node, so that an old one gets a sentence and not a syntax error: the work is in tools/.

const least = [20, 19]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < least[0] || (major === least[0] && minor < least[1])) {
  process.stderr.write(
    `Cordon needs Node ${least.join('.')} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install a current LTS release from https://nodejs.org or with your version manager, then run the same command again.\n',
  )
  process.exitCode = 1
} else {
  import('./tools/run.mjs').then(({ run }) => run(process.argv.slice(2)))
}
