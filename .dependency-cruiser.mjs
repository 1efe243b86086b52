/**
 * Who may import whom. The tables are the rules: packages point one way, and inside a package every folder (or file that
 * lies directly in `src`) is a unit with a layer. A unit imports from itself and from lower layers; from its own layer
 * only where `sideways` says so, with a reason. A unit that no table names fails, so a new one gets its layer on its
 * first day.
 */

/** What each package may import from the others. */
const packages = {
  core: [],
  tls: [],
  node: ['core', 'tls'],
  simulator: ['core', 'node'],
  server: ['core', 'node'],
  client: [],
  web: ['client', 'core'],
  cli: ['core', 'node', 'simulator', 'server', 'client'],
}

/** Layers of `packages/<name>/src`, lowest first. */
const layers = {
  core: [
    ['errors', 'deadline-heap', 'wire', 'crypto', 'document'],
    ['enip', 'cip', 'entropy'],
    ['x509'],
    ['objects'],
    ['discovery', 'enrollment', 'security', 'policy', 'authority', 'tables'],
    ['device', 'client'],
    ['deployment', 'verification', 'capture', 'learning', 'conformance'],
    ['drift', 'rehearsal'],
  ],
  node: [
    ['clock', 'schedule', 'files'],
    ['keys', 'entropy'],
    ['crypto'],
    ['transports'],
    ['drive'],
    ['originator', 'target', 'scan', 'mdns', 'est', 'capture'],
    ['pages', 'doctor', 'conformance', 'verify'],
  ],
  server: [
    ['store', 'opened'],
    ['audit'],
    ['authority'],
    ['users'],
    ['deploy', 'notify', 'settings', 'plants'],
    ['enrollment', 'drift'],
    ['est', 'jobs'],
    ['api'],
  ],
  web: [
    ['api-types', 'address'],
    ['api'],
    ['data'],
    ['words'],
    ['components'],
    ['credentials'],
    ['pages'],
    ['app'],
    ['main'],
  ],
}

/** Imports within one layer, each with its reason. */
const sideways = {
  core: [
    { from: 'wire', to: 'errors', reason: 'a decoder throws MalformedMessage' },
    { from: 'crypto', to: 'wire', reason: 'the URI of a hardware key holds UTF-8' },
    { from: 'crypto', to: 'errors', reason: 'a provider says in our errors why a key or signature is refused' },
    { from: 'enrollment', to: 'discovery', reason: 'the pull model begins with finding a server' },
    { from: 'policy', to: 'security', reason: 'a policy compiles to cipher suites and profiles' },
  ],
  node: [
    { from: 'schedule', to: 'clock', reason: 'deadlines are in the time of a clock' },
    { from: 'est', to: 'mdns', reason: 'a pull begins with finding a server on the link' },
    { from: 'originator', to: 'target', reason: "a device's originator sends from the sockets of its target" },
  ],
  server: [],
  web: [],
}

/** Packages from npm that `core` may use: their types are as free of a platform as core itself. */
const pure = ['@peculiar/asn1-[a-z0-9-]+', 'yaml', 'typebox']

const rules = [
  {
    name: 'no-cycle',
    comment: 'No import cycle of any length, type imports included: house rule 3.2.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'Every import must lead to a file: otherwise no other rule sees it.',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'core-without-platform',
    comment: 'core has no sockets, files, clock, timers or randomness, so no module of the platform.',
    severity: 'error',
    from: { path: '^packages/core/src/' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'core-pure-packages',
    comment: `core uses these npm packages and no others: ${pure.join(', ')}.`,
    severity: 'error',
    from: { path: '^packages/core/src/' },
    to: { path: 'node_modules/', pathNot: `node_modules/(${pure.join('|')})/` },
  },
  {
    name: 'tls-alone',
    comment: 'tls stands on Node alone.',
    severity: 'error',
    from: { path: '^packages/tls/lib/' },
    to: { path: 'node_modules/' },
  },
  {
    name: 'no-test-code-in-product',
    comment: 'What is published must not need tests, examples, benchmarks, tools or packages for development.',
    severity: 'error',
    from: { path: '^packages/[^/]+/(src|lib)/' },
    to: { path: ['^packages/[^/]+/test/', '^(tests|examples|bench|tools)/'] },
  },
  {
    name: 'no-development-package-in-product',
    comment: 'What is published may import only what its package.json lists as dependencies.',
    severity: 'error',
    // Of web only what Vite made of it is published.
    from: { path: '^packages/[^/]+/(src|lib)/', pathNot: '^packages/web/' },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'entry-point-is-for-outsiders',
    comment: 'Inside a package, import the file that defines the thing; index.ts is for other packages.',
    severity: 'error',
    from: { path: '^packages/([^/]+)/(src|lib)/' },
    to: { path: '^packages/$1/(src|lib)/(.+/|)index\\.ts$' },
  },
  ...Object.entries(packages).map(([name, allowed]) => ({
    name: `package-direction-${name}`,
    comment: `${name} may import ${allowed.length === 0 ? 'no other package' : allowed.join(', ')} of ours.`,
    severity: 'error',
    from: { path: `^packages/${name}/(src|lib|bin)/` },
    to: { path: '^packages/', pathNot: `^packages/(${[name, ...allowed].join('|')})/` },
  })),
  ...Object.entries(layers).flatMap(([name, table]) => layerRules(name, table)),
]

/** One rule for each unit, and one that catches units without a layer. */
function layerRules(name, table) {
  const src = `^packages/${name}/src/`
  const unit = (units) => `${src}(${units.join('|')})(/|\\.tsx?$)`
  return [
    {
      name: `layer-missing-${name}`,
      comment: `Every folder and file directly in packages/${name}/src has a layer in .dependency-cruiser.mjs.`,
      severity: 'error',
      from: {},
      to: { path: src, pathNot: unit(table.flat()) },
    },
    ...table.flatMap((units, layer) =>
      units.map((own) => {
        const exceptions = sideways[name].filter(({ from }) => from === own)
        const allowed = [own, ...table.slice(0, layer).flat(), ...exceptions.map(({ to }) => to)]
        const because = exceptions.map(({ to, reason }) => `; ${to}: ${reason}`).join('')
        return {
          name: `layer-${name}-${own}`,
          comment: `${own} is in layer ${layer} of ${name}: it may import ${allowed.join(', ')}${because}.`,
          severity: 'error',
          from: { path: unit([own]) },
          to: { path: src, pathNot: unit(allowed) },
        }
      }),
    ),
  ]
}

export default {
  forbidden: rules,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|build)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@cordon/source', 'types', 'import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.d.ts', '.json'],
    },
  },
}
