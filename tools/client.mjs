import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './set-up.mjs'

const place = join(root, 'packages/client/src/schema.ts')

/** The types of the manager's API, made from its OpenAPI document, against packages/client/src/schema.ts. */
export async function checkClient({ update }) {
  const { default: openapiTypescript, astToString } = await import('openapi-typescript')
  const { openApiDocument, routes } = await import(pathToFileURL(join(root, 'packages/server/dist/api/index.js')).href)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const types = astToString(await openapiTypescript(openApiDocument(routes, version), { alphabetize: false }))
  const text = `// Made from the OpenAPI document of the manager by \`npm run check -- --only client --update\`; not edited.\n\n${types}`
  if (update) {
    writeFileSync(place, text)
    return { ok: true, note: 'packages/client/src/schema.ts rewritten' }
  }
  if (existsSync(place) && readFileSync(place, 'utf8') === text) return { ok: true }
  return {
    ok: false,
    output:
      'packages/client/src/schema.ts is not what the contract says. If this is meant, run: npm run check -- --only client --update',
  }
}
