import type { PullIdentity, PullState } from '@cordon/core/enrollment'
import {
  buildRequest,
  decodeCertificate,
  decodePem,
  decodeRequest,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { NotTrusted } from '@cordon/core/errors'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../src/crypto.ts'
import { FileUnit } from '../../src/est/index.ts'
import { EstAuthority } from './est-server.ts'

let directory: string
let authority: EstAuthority
const sealingKey = new Uint8Array(32).fill(7)
const contents = { subject: parseName('CN=press 4'), extensions: [subjectAlternativeName(['127.72.0.9'])] }
const wished = { keyKind: 'ecdsa-p256', template: undefined, renews: undefined } as const
const server = { host: 'est.example', port: 8444 }

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-file-unit-'))
  authority = await EstAuthority.make('plant')
})
afterAll(() => rm(directory, { recursive: true }))

const open = (name: string, key = sealingKey) => FileUnit.open({ directory, name, sealingKey: key, contents })
const text = (path: string) => readFile(path, 'latin1')

function round(request: Uint8Array | undefined, pendingSince?: number, identity?: PullIdentity): PullState {
  const held = { began: 0, searches: 1, failures: 0, servers: [server], authorities: [], wishes: undefined }
  const all = { ...held, identity, renewal: false, request, pendingSince }
  return { kind: 'waiting', why: 'approval', until: 1, round: all, status: 'waitingForApproval', reason: '', nextId: 9 }
}

async function issued(request: Uint8Array): Promise<Uint8Array> {
  return await authority.sign(decodeRequest(request).publicKey, 'CN=press 4')
}

describe('a unit in files', () => {
  test('keeps a pending request with its key when the process ends', async () => {
    const unit = await open('pending')
    const request = await unit.makeRequest(wished)
    unit.changed(round(request, 17))
    await unit.flush()
    const again = await open('pending')
    expect(again.kept).toEqual({ identity: undefined, pending: { request, renewal: false, since: 17 } })
    const certificate = await issued(request)
    await again.install({ certificate, chain: [], authorities: [authority.certificate] })
    expect(again.certificate).toEqual(certificate)
  })

  test('has its request even when the process ends before anything else is said', async () => {
    const request = await (await open('early')).makeRequest(wished)
    expect((await open('early')).kept.pending?.request).toEqual(request)
  })

  test('writes certificate, chain, authorities and key for other programs, for its owner alone', async () => {
    const unit = await open('pem')
    const certificate = await issued(await unit.makeRequest(wished))
    // What the addon or Node hand over may be Buffers.
    const authorities = [Buffer.from(authority.certificate)]
    await unit.install({ certificate, chain: authorities, authorities })
    expect(decodePem(await text(unit.files.certificate)).map(({ bytes }) => bytes)).toEqual([certificate])
    expect(decodePem(await text(unit.files.chain))).toHaveLength(2)
    expect(decodePem(await text(unit.files.authorities))[0]?.bytes).toEqual(authority.certificate)
    const key = nodeCrypto.importKey(decodePem(await text(unit.files.key))[0]?.bytes ?? new Uint8Array())
    expect(key.publicKey).toEqual(decodeCertificate(certificate).publicKey)
    for (const file of Object.values(unit.files)) expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await open('pem')).credential('current')?.chain).toEqual([certificate, authority.certificate])
  })

  test('puts the files right where a process ended between the record and them', async () => {
    const unit = await open('torn')
    const first = await issued(await unit.makeRequest(wished))
    await unit.install({ certificate: first, chain: [], authorities: [] })
    const oldKey = await text(unit.files.key)
    const second = await issued(await unit.makeRequest({ ...wished, renews: first }))
    await unit.install({ certificate: second, chain: [], authorities: [] })
    await writeFile(unit.files.key, oldKey)
    await open('torn')
    const key = nodeCrypto.importKey(decodePem(await text(unit.files.key))[0]?.bytes ?? new Uint8Array())
    expect(key.publicKey).toEqual(decodeCertificate(second).publicKey)
  })

  test('stays as it was when a certificate is for another key', async () => {
    const unit = await open('foreign')
    const first = await issued(await unit.makeRequest(wished))
    await unit.install({ certificate: first, chain: [], authorities: [] })
    await unit.makeRequest(wished)
    const other = await nodeCrypto.generateKey('ecdsa-p256')
    const foreign = await issued(await buildRequest(other, contents))
    await expect(unit.install({ certificate: foreign, chain: [], authorities: [] })).rejects.toThrow(NotTrusted)
    expect((await open('foreign')).certificate).toEqual(first)
  })

  test('repeats subject and alternative names of what it renews, and follows a template otherwise', async () => {
    const unit = await open('contents')
    const own = decodeRequest(await unit.makeRequest(wished))
    expect(own.extensions.subjectAlternativeNames).toEqual([{ kind: 'ip', value: '127.72.0.9' }])
    const renews = await authority.sign(own.publicKey, 'CN=named by the authority', { ips: ['127.72.0.7'] })
    const renewal = decodeRequest(await unit.makeRequest({ ...wished, renews }))
    expect(renewal.subject.parts[0]?.[0]?.value).toBe('named by the authority')
    expect(renewal.extensions.subjectAlternativeNames).toEqual([{ kind: 'ip', value: '127.72.0.7' }])
    const template = {
      subject: [
        [{ type: '2.5.4.10', value: { type: '2.5.4.10', value: 'Works', encoding: 'utf8' } }],
        [{ type: '2.5.4.3', value: undefined }],
        [{ type: '2.5.4.5', value: undefined }],
      ],
      key: undefined,
      extensions: [],
    } as const
    const templated = decodeRequest(await unit.makeRequest({ ...wished, template }))
    expect(templated.subject.parts.flat().map(({ value }) => value)).toEqual(['Works', 'press 4'])
  })

  test('forgets the request once its certificate is in force', async () => {
    const unit = await open('done')
    const certificate = await issued(await unit.makeRequest(wished))
    await unit.install({ certificate, chain: [], authorities: [authority.certificate] })
    const identity = { certificate, authorities: [authority.certificate], server, installedAt: 5 }
    unit.changed({ kind: 'enrolled', identity, renewAt: undefined, nextId: 4 })
    await unit.flush()
    expect((await open('done')).kept).toEqual({ identity, pending: undefined })
  })

  test('is readable under its own key and name alone', async () => {
    await (await open('sealed')).makeRequest(wished)
    await expect(open('sealed', new Uint8Array(32))).rejects.toThrow(/sealed\.pull cannot be opened/)
    await expect(open('../sealed')).rejects.toThrow(/name of files/)
  })

  test('says so when it cannot write', async () => {
    const unit = await open('lost')
    const request = await unit.makeRequest(wished)
    await rm(directory, { recursive: true })
    unit.changed(round(request, 3))
    await expect(unit.flush()).rejects.toMatchObject({ code: 'io' })
    await expect(unit.makeRequest(wished)).rejects.toMatchObject({ code: 'io' })
    await mkdir(directory)
  })
})
