import ajvCompiler from '@fastify/ajv-compiler'
import jsonCompiler from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'

type Controller = NonNullable<FastifyServerOptions['schemaController']>
type Factory = NonNullable<Controller['compilersFactory']>

// Bodies have types; what is unknown is refused, not removed in silence.
const customOptions = { removeAdditional: false, coerceTypes: false, useDefaults: true, allErrors: false } as const

/**
 * Fastify's own compilers, which compile a schema when it is first needed: most of a hundred operations are not used in
 * the first minute, or by one manager at all, and a second of start is theirs.
 */
export const lazyCompilers: Factory = {
  buildValidator: (schemas) => {
    const compile = ajvCompiler()(schemas, { customOptions })
    const lazy = (route: Parameters<typeof compile>[0]) => {
      let check: ReturnType<typeof compile> | undefined
      const validate = Object.assign(
        (value: unknown) => {
          check ??= compile(route)
          const verdict = check(value)
          // Read by Fastify where the verdict is no.
          validate.errors = check.errors
          return verdict
        },
        { errors: undefined as ReturnType<typeof compile>['errors'] },
      )
      return validate
    }
    // Fastify calls it and reads its errors, and nothing else of what the validator's type has.
    return lazy as unknown as typeof compile
  },
  buildSerializer: (schemas, options) => {
    const compile = jsonCompiler()(schemas, options)
    return (route) => {
      let write: ReturnType<typeof compile> | undefined
      return (value: unknown) => {
        write ??= compile(route)
        return write(value)
      }
    }
  },
}
