import { defineConfig } from 'vitest/config'

/** Suites that need the whole machine: they hold the fixed addresses of the demonstration plant, so one at a time. */
const alone = ['tests/e2e/**/*.test.ts', 'tests/interop/**/*.test.ts']

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
          exclude: ['**/node_modules/**', ...alone],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Whole plants and spawned commands: a busy machine makes them slow, not wrong.
        test: {
          name: 'plant',
          include: alone,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
