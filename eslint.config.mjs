import { createRequire } from 'node:module'

// ESLint and its plugins are installed in tools/, so that the set-up of `npm start` need not carry them.
const require = createRequire(new URL('tools/package.json', import.meta.url))
const typescript = require('typescript-eslint')

/** Only what needs types: everything else is Biome's. */
const rules = {
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/only-throw-error': 'error',
}

const project = (files, tsconfig) => ({
  files,
  languageOptions: {
    parser: typescript.parser,
    parserOptions: { project: tsconfig, tsconfigRootDir: import.meta.dirname },
  },
  plugins: { '@typescript-eslint': typescript.plugin },
  linterOptions: { reportUnusedDisableDirectives: 'error' },
  rules,
})

export default [
  { ignores: ['**/dist/**', '**/node_modules/**', 'tools/**', 'docs/**', '**/*.mjs'] },
  project(
    ['packages/*/src/**/*.ts', 'packages/web/src/**/*.tsx', 'packages/web/vite.config.ts', 'packages/*/lib/**/*.ts'],
    ['packages/*/tsconfig.json'],
  ),
  project(
    ['packages/*/test/**/*.ts', 'tests/**/*.ts', 'examples/**/*.ts', 'bench/**/*.ts', 'vitest.config.ts'],
    ['tsconfig.test.json'],
  ),
  {
    files: ['packages/core/src/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', { name: 'Date', message: 'core has no clock: take the time as an argument.' }],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'core has no randomness: take it from the crypto provider.' },
      ],
    },
  },
]
