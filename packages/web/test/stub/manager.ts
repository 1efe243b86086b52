import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Check, Errors } from 'typebox/value'
import { routes } from '../../../server/src/api/contract/all.ts'
import type { Route } from '../../../server/src/api/contract/route.ts'
import { administration } from './administration.ts'
import * as answers from './answers.ts'

/*
 * A manager for tests of the pages: no store and no devices behind it, but every request and every answer is held to the
 * contract of the API. What is not by the contract is counted as a fault, and tests look at the faults.
 */

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

/** What a test may set and look at. */
export interface StubState {
  session: answers.Shapes['Session'] | null
  firstRun: boolean
  texts: string[]
  authors: string[]
  notes: string[]
  jobs: answers.Shapes['Job'][]
  discovered: answers.Shapes['Discovered'][]
  plants: boolean
  stages: Record<string, answers.Shapes['StageEntry']['stage']>
  /** Operations that fail: their status. */
  fails: Map<string, number>
  /** Requests and answers that are not by the contract. */
  readonly faults: string[]
  /** Operations in the order in which they came. */
  readonly calls: { readonly operation: string; readonly body: unknown; readonly csrf: string | undefined }[]
}

/** A stub manager on a loopback address. */
export interface Stub {
  readonly origin: string
  readonly state: StubState
  /** Tells viewers that something happened. */
  emit(kind: string): void
  close(): Promise<void>
}

/** A refusal of the stub. */
class Refused extends Error {
  readonly status: number
  readonly body: answers.Shapes['Problem']
  constructor(status: number, body: answers.Shapes['Problem']) {
    super(body.message)
    this.status = status
    this.body = body
  }
}

type Call = {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
}

/** Begins a stub manager. */
export async function startStub(): Promise<Stub> {
  const state: StubState = {
    session: answers.session,
    firstRun: false,
    texts: [
      answers.plantText.replace('Old_Panel: {', 'Old_Panel2: {'),
      answers.plantText.replace('# recipes', '# later'),
      answers.plantText,
    ],
    authors: ['ada', 'ada', 'ada'],
    notes: ['First version', 'Add the cell', 'Name the old panel'],
    jobs: [
      answers.job('j-plan', 'plan'),
      answers.job('j-verify', 'verify', {
        requestedAt: '2026-03-02T08:30:00.000Z',
        finishedAt: '2026-03-02T08:31:00.000Z',
      }),
      answers.job('j-rehearse', 'rehearse', { follows: 'j-plan' }),
      answers.job('j-deploy', 'deploy', { deployment: 'd1', state: 'not-complete' }),
      answers.job('j-drift', 'drift', {
        state: 'failed',
        error: {
          code: 'store-lost',
          message: 'The database was away for longer than a minute.',
          next: 'Start the check again.',
        },
      }),
      answers.job('j-observe', 'observe'),
    ],
    discovered: [...answers.discovered],
    plants: true,
    stages: { line: 'observe', cell: 'observe', legacy: 'observe' },
    fails: new Map(),
    faults: [],
    calls: [],
  }
  const viewers = new Set<ServerResponse>()
  let event = 0
  const table = Object.entries(routes).map(([operation, route]) => ({
    operation,
    route: route as Route,
    ...pattern(route.path),
  }))
  const server = createServer((request, response) => {
    void serve(request, response).catch((cause: unknown) => {
      state.faults.push(String(cause))
      response.writeHead(500).end()
    })
  })

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://stub')
    if (!url.pathname.startsWith('/api/v1/')) return await serveFile(url.pathname, response)
    const path = url.pathname.slice('/api/v1'.length)
    const found = table.find(({ route, regex }) => route.method === request.method && regex.test(path))
    if (found === undefined) {
      state.faults.push(`${request.method} ${url.pathname}: no such route`)
      response.writeHead(404).end('{"code":"not-found","message":"no such route"}')
      return
    }
    const { operation, route, regex, names } = found
    if (operation === 'events.stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(': open\n\n')
      viewers.add(response)
      request.on('close', () => viewers.delete(response))
      return
    }
    const text = await textOf(request)
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const values = regex.exec(path)?.slice(1) ?? []
    const params = Object.fromEntries(names.map((key, index) => [key, decodeURIComponent(values[index] ?? '')]))
    const csrf = request.headers['x-csrf-token']
    state.calls.push({ operation, body, csrf: typeof csrf === 'string' ? csrf : undefined })
    if (route.body !== undefined && !Check(route.body, body)) {
      state.faults.push(`${operation}: body ${JSON.stringify(Errors(route.body, body)[0])}`)
    }
    if (route.method !== 'GET' && route.access !== 'public' && csrf !== state.session?.csrf)
      state.faults.push(`${operation}: no CSRF token`)
    const failing = state.fails.get(operation)
    let status: number = route.status
    let answer: unknown
    try {
      if (failing !== undefined) throw new Refused(failing, { code: 'failed', message: 'the stub was told to fail' })
      if (route.access !== 'public' && state.session === null)
        throw new Refused(401, { code: 'signed-out', message: 'not signed in' })
      answer = handle(
        operation,
        { params, query: url.searchParams, body: (body ?? {}) as Record<string, unknown> },
        state,
      )
      if (route.response !== undefined && !Check(route.response, answer)) {
        state.faults.push(`${operation}: answer ${JSON.stringify(Errors(route.response, answer)[0])}`)
      }
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause
      status = cause.status
      answer = cause.body
    }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(status === 204 ? undefined : JSON.stringify(answer))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the stub has no port')
  return {
    // A secure context by its name, as a manager over HTTPS is.
    origin: `http://localhost:${address.port}`,
    state,
    emit(kind) {
      event += 1
      for (const viewer of viewers)
        viewer.write(
          `id: ${event}\ndata: ${JSON.stringify({ id: event, at: new Date(0).toISOString(), kind, subject: '', plant: 'line7', detail: {} })}\n\n`,
        )
    },
    async close() {
      for (const viewer of viewers) viewer.end()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pattern(path: string): { readonly regex: RegExp; readonly names: readonly string[] } {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, key]) => key ?? '')
  return { names, regex: new RegExp(`^${path.replaceAll(/:\w+/g, '([^/]+)')}$`) }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer) // a request gives buffers
  return Buffer.concat(parts).toString()
}

async function serveFile(path: string, response: ServerResponse): Promise<void> {
  const file = extname(path) === '' ? 'index.html' : normalize(path).replace(/^\/+/, '')
  const bytes = await readFile(join(dist, file)).catch(() => undefined)
  if (bytes === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    // As the manager sends it: no other host, no inline script, styles by nonce.
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-stub'; style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  })
  response.end(file === 'index.html' ? bytes.toString().replaceAll('__CSP_NONCE__', 'stub') : bytes)
}

/** What the stub answers; throws Refused for a refusal. */
function handle(operation: string, { params, query, body }: Call, state: StubState): unknown {
  const newest = state.texts.length
  const versionOf = (number: number) =>
    answers.version(number, state.authors[number - 1] ?? '', state.notes[number - 1] ?? '')
  const start = (kind: answers.Shapes['Job']['kind'], given: Partial<answers.Shapes['Job']> = {}) => {
    const made = answers.job(`j${state.jobs.length + 1}`, kind, {
      requestedAt: '2026-03-02T08:40:00.000Z',
      version: newest,
      ...given,
    })
    state.jobs.unshift(made)
    return made
  }
  const jobOf = (id: string | undefined) => {
    const found = state.jobs.find((job) => job.id === id)
    if (found === undefined) throw new Refused(404, { code: 'not-found', message: `there is no job ${id ?? ''}` })
    return found
  }
  const save = (text: string, note: string, author = 'ada') => {
    state.texts.push(text)
    state.notes.push(note)
    state.authors.push(author)
    return answers.version(state.texts.length, author, note)
  }
  const stageList = () => ({
    items: Object.entries(state.stages).map(([zone, stage]) => ({
      zone,
      stage,
      since: null,
      by: null,
      consequence: `Its devices ${stage === 'observe' ? 'are only read' : 'are protected'}.`,
    })),
  })
  switch (operation) {
    case 'welcome.read':
      return {
        product: 'Cordon',
        notice: 'This system is for authorized use only.\nUse is recorded.',
        firstRun: state.firstRun,
        providers: [{ id: 'works', name: 'Works account' }],
      }
    case 'session.read':
      return state.session
    case 'session.start':
      if (body['password'] !== 'correct horse battery')
        throw new Refused(403, { code: 'refused', message: 'name or password is wrong' })
      state.session =
        body['name'] === 'eve'
          ? { ...answers.session, state: 'second-factor', factors: ['totp', 'recovery'] }
          : body['name'] === 'new'
            ? { ...answers.session, state: 'must-enroll' }
            : answers.session
      return state.session
    case 'session.totp':
      if (body['code'] !== '123456') throw new Refused(403, { code: 'refused', message: 'wrong' })
      state.session = answers.session
      return state.session
    case 'firstRun.use':
    case 'invitation.use':
      if (body['token'] !== 'good-token') throw new Refused(410, { code: 'refused', message: 'the link was used' })
      state.session = answers.session
      return state.session
    case 'account.factors':
      return answers.factors
    case 'account.sessions':
      return answers.sessions
    case 'account.totpBegin':
      return { uri: 'otpauth://totp/Cordon:ada?secret=JBSWY3DPEHPK3PXP&issuer=Cordon', secret: 'JBSWY3DPEHPK3PXP' }
    case 'account.totpConfirm':
      if (state.session !== null) state.session = answers.session
      return { codes: ['4f2a-91bc-07de', '81cc-22ab-9e10', 'aa01-7d3f-55e2', '0b9c-e4d1-3377'] }
    case 'tokens.list':
      return { items: [answers.token] }
    case 'tokens.create':
      return { token: { ...answers.token, id: 't2', name: String(body['name']) }, secret: 'cordon_9s8d7f6g5h4j3k2l1' }
    case 'tokens.revoke':
    case 'account.endSession':
    case 'account.password':
    case 'layout.save':
      return undefined
    case 'plants.list':
      return { items: state.plants ? [{ ...answers.plantSummary, version: newest }] : [] }
    case 'plants.read':
      return { ...answers.plantSummary, version: newest }
    case 'plants.create':
      state.plants = true
      return save(String(body['text']), String(body['message']))
    case 'plants.validate': {
      const text = String(body['text'])
      const wrong = text.split('\n').findIndex((line) => line.includes('wrong-word'))
      const same = text === state.texts.at(-1)
      return {
        valid: wrong === -1,
        problems:
          wrong === -1
            ? []
            : [
                {
                  file: 'plant.yaml',
                  line: wrong + 1,
                  column: 3,
                  message: 'wrong-word is no key here',
                  remedy: 'Remove it.',
                  severity: 'error',
                },
              ],
        summary: { name: /plant: (\S+)/.exec(text)?.[1] ?? 'line7', devices: 5, zones: 3, conduits: 2 },
        changes: same ? [] : [{ kind: 'changed', what: 'zone', name: 'cell', fields: ['messaging'] }],
      }
    }
    case 'plants.importTable':
      return { text: `${state.texts.at(-1) ?? ''}# imported\n`, notes: ['2 rows were there already'], problems: [] }
    case 'plants.dryRun':
      return {
        observedAt: '2026-03-02T08:00:00.000Z',
        connections: 41,
        breaks: [
          {
            from: '192.0.2.77',
            fromName: null,
            to: '192.0.2.10',
            toName: 'Line_PLC',
            class: 3,
            transport: 'tcp',
            reason: 'no conduit names this peer',
            remedy: 'Add a conduit, or stop it.',
          },
        ],
        problems: [],
      }
    case 'plants.propose':
      return {
        text: (state.texts.at(-1) ?? '').replace('# recipes', '# 6 connections seen'),
        notes: ['Who is 192.0.2.77? It opened 2 connections.'],
        problems: [],
      }
    case 'versions.list':
      return { items: state.texts.map((_, index) => versionOf(index + 1)).reverse(), next: null }
    case 'versions.read': {
      const number = Number(params['version'])
      return { version: versionOf(number), text: state.texts[number - 1] ?? '', simulation: null }
    }
    case 'versions.difference':
      return {
        from: Number(query.get('from')),
        to: Number(query.get('to')),
        text: '@@ -1,2 +1,2 @@\n version: 1\n-plant: line6\n+plant: line7\n',
        changes: [{ kind: 'changed', what: 'device', name: 'Line_PLC', fields: ['zone'] }],
      }
    case 'versions.save':
      if (body['base'] !== newest) {
        throw new Refused(409, {
          code: 'outdated',
          message: `version ${newest} was saved meanwhile`,
          outdated: { newest, merged: null, conflicts: [] },
        })
      }
      return save(String(body['text']), String(body['message']))
    case 'versions.restore':
      return save(state.texts[Number(params['version']) - 1] ?? '', String(body['message']))
    case 'topology.read':
      return { plant: 'line7', version: newest, zones: answers.zones, conduits: [], layout: {} }
    case 'zones.list':
      return { items: answers.zones }
    case 'conduits.list':
      return { items: [] }
    case 'stages.list':
      return stageList()
    case 'stages.set':
      Object.assign(state.stages, body['stages'])
      return stageList()
    case 'devices.list':
      return {
        items: ['Line_PLC', 'Line_IO', 'Cell_PLC'].map((name) => ({
          name,
          address: '192.0.2.10',
          zone: name.startsWith('Cell') ? 'cell' : 'line',
          chassis: null,
          slot: null,
          capable: true,
          standing: name === 'Line_PLC' ? 'ok' : 'not-deployed',
          product: null,
          serial: null,
          expiresAt: null,
          drift: 0,
          updatedAt: null,
        })),
        next: null,
      }
    case 'connections.list':
    case 'findings.list':
      return { items: [], next: null, total: 0 }
    case 'discovered.list':
      return { items: state.discovered }
    case 'discovered.adopt': {
      const chosen = body['devices'] as readonly { readonly address: string; readonly name: string }[] // checked by the contract
      state.discovered = state.discovered.map((row) => {
        const adopted = chosen.find(({ address }) => address === row.address)
        return adopted === undefined ? row : { ...row, state: 'adopted' as const, device: adopted.name }
      })
      return save(`${state.texts.at(-1) ?? ''}# adopted\n`, String(body['message']))
    }
    case 'discovered.ignore': {
      const addresses = body['addresses'] as readonly string[] // checked by the contract
      state.discovered = state.discovered.map((row) =>
        addresses.includes(row.address) ? { ...row, state: body['ignore'] === true ? 'ignored' : 'new' } : row,
      )
      return undefined
    }
    case 'discoveries.start':
      return start('discover', {
        state: 'running',
        finishedAt: null,
        progress: { done: 12, total: 254, doing: 'Asking 192.0.2.12' },
      })
    case 'observations.start':
      return start('observe')
    case 'plans.create':
      return start('plan')
    case 'plans.read': {
      const found = jobOf(params['id'])
      return { job: found, plan: found.state === 'running' || found.state === 'failed' ? null : answers.plan }
    }
    case 'rehearsals.start':
      return start('rehearse')
    case 'rehearsals.read':
      return { job: jobOf(params['id']), result: answers.rehearsal }
    case 'verifications.start':
      return start('verify')
    case 'verifications.read':
      return {
        job: jobOf(params['id']),
        result: { verdict: 'fail', counts: { pass: 130, fail: 2 }, tookMs: 5120, checks: answers.checks },
      }
    case 'deployments.start':
      return start('deploy', { deployment: 'd1' })
    case 'deployments.list': {
      const { targets: _targets, connections: _connections, messages: _messages, ...summary } = answers.deployment
      return { items: [summary], next: null }
    }
    case 'deployments.read': {
      const running = state.jobs.some((job) => job.id === 'j-deploy' && job.state === 'running')
      return running
        ? {
            ...answers.deployment,
            status: 'running',
            finishedAt: null,
            devices: { total: 3, complete: 1, warnings: 0, failed: 0, running: 1 },
            targets: answers.deployment.targets.map((target) =>
              target.device === 'Line_PLC'
                ? target
                : { ...target, state: target.device === 'Line_IO' ? 'running' : 'waiting', messages: [], steps: [] },
            ),
          }
        : answers.deployment
    }
    case 'deployments.retry':
      return start('deploy', { deployment: 'd1' })
    case 'jobs.list':
      return {
        items: state.jobs.filter(
          (job) =>
            (query.get('kind') === null || job.kind === query.get('kind')) &&
            (query.get('state') === null || job.state === query.get('state')) &&
            (query.get('active') === null || job.state === 'running' || job.state === 'waiting'),
        ),
        next: null,
      }
    case 'jobs.read':
      return jobOf(params['id'])
    case 'jobs.cancel': {
      const found = jobOf(params['id'])
      state.jobs = state.jobs.map((job) => (job === found ? { ...job, cancelRequestedBy: 'ada' } : job))
      return { ...found, cancelRequestedBy: 'ada' }
    }
    case 'windows.list':
      return {
        items: [
          {
            id: 'w1',
            name: 'Sunday',
            zone: null,
            rule: { kind: 'weekly', days: [7], from: '02:00', to: '04:00', zone: 'Europe/Berlin' },
            open: false,
            nextOpening: '2026-03-08T01:00:00.000Z',
          },
        ],
      }
    default: {
      const answer = administration[operation]
      if (answer === undefined)
        throw new Refused(500, { code: 'stub', message: `the stub does not answer ${operation}` })
      const found = answer(params, query)
      if (found === undefined)
        throw new Refused(404, { code: 'not-found', message: `there is nothing for ${operation}` })
      return found
    }
  }
}
