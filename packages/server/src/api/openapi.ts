import type { TSchema } from 'typebox'
import { problem } from './contract/common.ts'
import type { Route, Routes } from './contract/route.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Prefix of every path. */
export const apiPrefix = '/api/v1'

/** Schemas with a title become components, written once. */
class Components {
  readonly schemas: Record<string, Json> = {}

  /** The schema as the document has it. */
  of(schema: TSchema): Json {
    return this.#walk(schema)
  }

  #walk(value: unknown): Json {
    if (Array.isArray(value)) return value.map((item) => this.#walk(item))
    if (typeof value !== 'object' || value === null) return value as Json
    const { title } = value as { title?: unknown }
    if (typeof title !== 'string') return this.#members(value)
    // Named before its members are walked, so that a schema within itself would end.
    if (!Object.hasOwn(this.schemas, title)) {
      this.schemas[title] = {}
      this.schemas[title] = this.#members(value)
    }
    return { $ref: `#/components/schemas/${title}` }
  }

  #members(value: object): Json {
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, member]) => (member === undefined ? [] : [[key, this.#walk(member)]])),
    )
  }
}

function parameters(place: 'path' | 'query', schema: TSchema | undefined, components: Components): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = schema as { properties?: Record<string, TSchema>; required?: string[] }
  return Object.entries(properties).map(([name, of]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: components.of(of),
  }))
}

function operation(name: string, route: Route, components: Components): Json {
  const { access, summary, status, response, body, upload, download } = route
  const success: Json = {
    description: 'Success',
    ...(response === undefined && download === undefined
      ? {}
      : {
          content: {
            [download ?? 'application/json']: {
              schema: response === undefined ? { type: 'string' } : components.of(response),
            },
          },
        }),
  }
  const failure: Json = {
    description: 'Anything else',
    content: { 'application/json': { schema: components.of(problem) } },
  }
  const [tag = ''] = name.split('.')
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(access === 'public' ? { security: [] } : {}),
    ...(access === 'public' || access === 'signed-in' ? {} : { 'x-permission': access }),
    parameters: [...parameters('path', route.params, components), ...parameters('query', route.query, components)],
    ...(body === undefined && upload === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              [upload ?? 'application/json']: {
                schema: body === undefined ? { type: 'string', format: 'binary' } : components.of(body),
              },
            },
          },
        }),
    responses: { [String(status)]: success, default: failure },
  }
}

/** The OpenAPI 3.1 document of a table of routes. */
export function openApiDocument(routes: Routes, version: string): Json {
  const components = new Components()
  const paths: Record<string, Record<string, Json>> = {}
  for (const [name, route] of Object.entries(routes)) {
    const path = apiPrefix + route.path.replace(/:([a-zA-Z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, components) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cordon manager',
      version,
      description:
        'What the web interface and `cordon --server` use. Programs sign in with an API token: `Authorization: Bearer …`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-cordon' },
      },
    },
  }
}
