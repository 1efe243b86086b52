import { get } from 'node:http'

/** What the process that reads is told: how often it asks for what. */
export interface ReadOrder {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly rounds: number
}

/** What it reports: milliseconds until the last byte was there, of each round, and how many bytes came. */
export interface ReadReport {
  readonly times: readonly number[]
  readonly bytes: number
}

async function read({ rounds, ...request }: ReadOrder): Promise<ReadReport> {
  const times: number[] = []
  let bytes = 0
  for (let round = 0; round < rounds; round++) {
    const started = performance.now()
    bytes = await fetched(request)
    times.push(performance.now() - started)
  }
  return { times, bytes }
}

function fetched(request: Omit<ReadOrder, 'rounds'>): Promise<number> {
  return new Promise((done, fail) => {
    get({ ...request, agent: false }, (response) => {
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
      })
      response.on('end', () => {
        if (response.statusCode === 200) done(bytes)
        else fail(new Error(`${request.path} answered ${response.statusCode}`))
      })
    }).on('error', fail)
  })
}

process.on('message', (order) => {
  // The process that started this one sends nothing else.
  void read(order as ReadOrder).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit())
