import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Whole plants and spawned commands: a busy machine makes them slow, not wrong. */
const plants = ['tests/e2e/**/*.test.ts', 'tests/interop/**/*.test.ts']

/** Those of them that hold the fixed addresses of the demonstration plants (127.17, 127.18, 127.60): one at a time. */
const demonstrations = ['capture-judge', 'demonstration', 'learn', 'pages', 'plant', 'pull'].map(
  (name) => `tests/e2e/${name}.test.ts`,
)

const patience = { testTimeout: 120_000, hookTimeout: 120_000 }

/** All others run side by side. They wait for processes and sockets much of the time: two even where there is one core. */
const maxWorkers = Math.max(2, availableParallelism() - 1)

/** Tests run from the sources: the workspaces' own condition picks `src` instead of `dist`. */
export default defineConfig({
  resolve: { conditions: ['@cordon/source', 'node'] },
  ssr: { resolve: { conditions: ['@cordon/source', 'node'] } },
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Hundreds of real sockets and processes on a machine that others use too: in CI a stall gets a second try, and the
    // report shows it.
    retry: process.env['CI'] === undefined ? 0 : 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'packages',
          include: ['packages/*/test/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...plants],
          maxWorkers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'plants',
          include: plants,
          exclude: ['**/node_modules/**', ...demonstrations],
          ...patience,
          maxWorkers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'demonstrations',
          include: demonstrations,
          ...patience,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
