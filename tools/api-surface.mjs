import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)

/** The public entry points of all packages: import name and the source behind it, as `exports` lists them. */
export function listEntryPoints(root) {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return workspaces.flatMap((workspace) => {
    const { name, exports = {} } = JSON.parse(readFileSync(join(root, workspace, 'package.json'), 'utf8'))
    // What is no module, such as the pages of the web interface, exports no names.
    const modules = Object.entries(exports).filter(([, conditions]) => typeof conditions === 'object')
    return modules.map(([subpath, conditions]) => ({
      name: name + subpath.slice(1),
      source: join(root, workspace, conditions['@cordon/source']),
      config: join(root, 'tsconfig.base.json'),
    }))
  })
}

/**
 * What the entry points export, one line for each name: `@cordon/core/wire  type  Codec`. Sorted, so that two versions
 * compare line by line.
 */
export function listExports(entryPoints) {
  const typescript = require('typescript')
  const missing = entryPoints.filter(({ source }) => !existsSync(source))
  if (missing.length > 0)
    throw new Error(`Entry points without a source: ${missing.map(({ name }) => name).join(', ')}`)
  const { options } = typescript.parseJsonConfigFileContent(
    typescript.readConfigFile(entryPoints[0].config, typescript.sys.readFile).config,
    typescript.sys,
    join(entryPoints[0].config, '..'),
  )
  const program = typescript.createProgram({
    rootNames: entryPoints.map(({ source }) => source),
    options: {
      ...options,
      noEmit: true,
      composite: false,
      declaration: false,
      declarationMap: false,
      types: ['node'],
      allowImportingTsExtensions: true,
    },
  })
  const checker = program.getTypeChecker()
  const lines = entryPoints.flatMap(({ name, source }) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(source))
    if (module === undefined) return []
    return checker
      .getExportsOfModule(module)
      .map((symbol) => `${name}  ${kindOf(typescript, checker, symbol)}  ${symbol.name}`)
  })
  return `${lines.sort().join('\n')}\n`
}

/** `value` is there at run time, `type` is not; `both` is a class or a constant with its type. */
function kindOf(typescript, checker, symbol) {
  const { SymbolFlags } = typescript
  const target = symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const isValue = (target.flags & SymbolFlags.Value) !== 0
  const isType = (target.flags & SymbolFlags.Type) !== 0
  return isValue && isType ? 'both' : isValue ? 'value' : 'type'
}
