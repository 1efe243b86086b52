import type { Bench } from '../bench.ts'
import type { ConformanceCase } from '../case.ts'
import { cases, status } from '../define.ts'
import { type CipReply, concat, epath, internationalText, le16, le32, u16, u32 } from '../frames.ts'
import type { Judge } from '../judge.ts'
import { created, creating, deleted, puttingBack } from '../put-back.ts'
import { defaultCertificateFile, file, upload } from './certificate-file.ts'

const needs = [{ class: 0x37 }, { class: 0x5f }] as const

/** Two's complement of the byte sum (4.4, attribute 7). */
function checksumOf(data: Uint8Array): number {
  let sum = 0
  for (const byte of data) sum = (sum + byte) & 0xffff
  return (0x1_0000 - sum) & 0xffff
}

/** Ends an upload that a case began, by reading it to its end. */
async function finishUpload(bench: Bench, instance: number, from: number): Promise<void> {
  for (let number = from; number < 2000; number++) {
    const reply = await file(bench, instance, 0x4f, Uint8Array.of(number & 0xff))
    const type = reply.data[1]
    if (reply.status !== 0 || type === 2 || type === 4) return
  }
}

/** A file of its own to write to; it is deleted again, and that is shown. */
async function withFile(bench: Bench, judge: Judge, work: (instance: number) => Promise<void>): Promise<void> {
  const reply = await created(
    () => bench.cip(0x08, epath(0x37, 0), internationalText('conformance')),
    'a file with the name conformance',
  )
  if (reply.status === 0x02) judge.inconclusive('the target has no room for one more file')
  status(judge, reply, 0)
  const instance = u16(reply.data, 0)
  await puttingBack(
    bench,
    () => work(instance),
    () => deleted(bench, 0x37, instance),
  )
}

function initiateDownload(size: number, more: { readonly version?: number; readonly name?: string } = {}): Uint8Array {
  const name = internationalText(more.name ?? 'conformance.bin')
  return concat(le32(size), le16(more.version ?? 1), Uint8Array.of(1, 1), name)
}

function packetOf(number: number, type: number, data: Uint8Array, checksum?: number): Uint8Array {
  return concat(Uint8Array.of(number, type), data, checksum === undefined ? new Uint8Array(0) : le16(checksum))
}

/** General status and first additional word. */
function failure(judge: Judge, reply: CipReply, general: number, word: number): void {
  status(judge, reply, general)
  judge.code('additional status', word, reply.extended[0] ?? 0xffff, 4, reply.raw)
}

const content = Uint8Array.from({ length: 16 }, (_, i) => i * 7)

/** The File Object (cip-security-wire 4.4). */
export const fileCases: readonly ConformanceCase[] = cases(
  'files',
  [...needs],
  [
    {
      id: 'upload',
      title: 'the default certificate can be read by an upload of as many bytes as attribute 6 says',
      source: '4.4 [H][OF]',
      run: async (bench, judge) => {
        const instance = await defaultCertificateFile(bench)
        const result = await upload(bench, judge, instance)
        judge.equal('bytes', u32(await bench.value(0x37, instance, 6), 0), result.data.length)
        judge.equal('bytes announced', result.size, result.data.length)
      },
    },
    {
      id: 'upload-checksum',
      title: 'its last packet ends in the checksum of the data, which is attribute 7',
      source: '4.4, vector in 8.2 [R][OF]',
      run: async (bench, judge) => {
        const instance = await defaultCertificateFile(bench)
        const { data, checksum } = await upload(bench, judge, instance)
        judge.code('checksum in the packet', checksumOf(data), checksum, 4)
        judge.code('checksum in attribute 7', checksumOf(data), u16(await bench.value(0x37, instance, 7), 0), 4)
      },
    },
    {
      id: 'upload-packet-types',
      title: 'packets are first, middle, last; or one that is first and last',
      source: '4.4 [R][OF]',
      run: async (bench, judge) => {
        const { packetTypes } = await upload(bench, judge, await defaultCertificateFile(bench))
        const right =
          packetTypes.length === 1
            ? packetTypes[0] === 4
            : packetTypes[0] === 0 && packetTypes.at(-1) === 2 && packetTypes.slice(1, -1).every((type) => type === 1)
        judge.holds(right, '0, 1 …, 2 or only 4', packetTypes.join(', '))
      },
    },
    {
      id: 'upload-state',
      title: 'a file is in state 3 once an upload was initiated, in state 5 during it, and in 2 after it',
      source: '4.4 [H][OF]',
      run: async (bench, judge) => {
        const instance = await defaultCertificateFile(bench)
        const begun = await file(bench, instance, 0x4b, Uint8Array.of(20))
        status(judge, begun, 0)
        try {
          judge.sameBytes('state after Initiate_Upload', Uint8Array.of(3), await bench.value(0x37, instance, 1))
          status(judge, await file(bench, instance, 0x4f, Uint8Array.of(0)), 0)
          judge.sameBytes('state after the first packet', Uint8Array.of(5), await bench.value(0x37, instance, 1))
        } finally {
          await finishUpload(bench, instance, 1)
        }
        judge.sameBytes('state after the last packet', Uint8Array.of(2), await bench.value(0x37, instance, 1))
      },
    },
    {
      id: 'upload-repeat',
      title: 'asking again for the packet before sends it again',
      source: '4.4 [OF]',
      run: async (bench, judge) => {
        const instance = await defaultCertificateFile(bench)
        status(judge, await file(bench, instance, 0x4b, Uint8Array.of(20)), 0)
        try {
          const one = await file(bench, instance, 0x4f, Uint8Array.of(0))
          const again = await file(bench, instance, 0x4f, Uint8Array.of(0))
          judge.sameBytes('packet 0', one.data, again.data)
        } finally {
          await finishUpload(bench, instance, 1)
        }
      },
    },
    {
      id: 'upload-sequence',
      title: 'a packet number that is not due gets 0x20 with 0x0006',
      source: '4.4 [OF]',
      run: async (bench, judge) => {
        const instance = await defaultCertificateFile(bench)
        status(judge, await file(bench, instance, 0x4b, Uint8Array.of(20)), 0)
        try {
          failure(judge, await file(bench, instance, 0x4f, Uint8Array.of(9)), 0x20, 0x0006)
        } finally {
          await finishUpload(bench, instance, 0)
        }
      },
    },
    {
      id: 'upload-zero',
      title: 'Initiate_Upload with a transfer size of 0 gets 0x20 with 0x0008',
      source: '4.4 [OF]',
      run: async (bench, judge) =>
        failure(judge, await file(bench, await defaultCertificateFile(bench), 0x4b, Uint8Array.of(0)), 0x20, 0x0008),
    },
    {
      id: 'upload-without-initiate',
      title: 'Upload_Transfer without an upload gets 0x0C',
      source: '4.4 [OF]',
      run: async (bench, judge) =>
        status(judge, await file(bench, await defaultCertificateFile(bench), 0x4f, Uint8Array.of(0)), 0x0c),
    },
    {
      id: 'transfer-without-initiate',
      title: 'Download_Transfer without a download gets 0x0C',
      source: '4.4 [OF]',
      kind: 'write',
      run: async (bench, judge) => {
        const data = packetOf(0, 4, content, checksumOf(content))
        status(judge, await file(bench, await defaultCertificateFile(bench), 0x50, data), 0x0c)
      },
    },
    {
      id: 'directory-certificate',
      title: 'the directory (class attribute 32) lists the file of the default certificate',
      source: '4.4 [W][R]',
      run: async (bench, judge) => {
        const instance = await defaultCertificateFile(bench)
        const value = await bench.value(0x37, 0, 32)
        const found = directory(value)
        judge.holds(found.includes(instance), `instance ${instance}`, `instances ${found.join(', ')}`, value)
      },
    },
    {
      id: 'directory-complete',
      title: 'every file that the directory lists is there',
      source: '4.4 [W][R]',
      run: async (bench, judge) => {
        const found = directory(await bench.value(0x37, 0, 32))
        judge.holds(found.length > 0, 'at least one file', 'none')
        for (const instance of found.slice(0, 32)) {
          const reply = await bench.get(0x37, instance, 1)
          judge.code(`status of instance ${instance}`, 0, reply.status, 2, reply.raw)
        }
      },
    },
    {
      id: 'certificate-encoding',
      title: 'the file of the default certificate says PEM (2) or PKCS#7 (3)',
      source: '4.4',
      run: async (bench, judge) => {
        const [encoding = 0xff] = await bench.value(0x37, await defaultCertificateFile(bench), 11)
        judge.code('encoding', [2, 3], encoding)
      },
    },
    {
      id: 'certificate-read-only',
      title: 'the file of the default certificate is read-only',
      source: '4.3, 4.4 [O][H]',
      run: async (bench, judge) =>
        judge.sameBytes(
          'access rule',
          Uint8Array.of(1),
          await bench.value(0x37, await defaultCertificateFile(bench), 10),
        ),
    },
    {
      id: 'delete-static',
      title: 'the file of the default certificate cannot be deleted: 0x2D',
      source: '4.4',
      kind: 'write',
      run: async (bench, judge) => status(judge, await file(bench, await defaultCertificateFile(bench), 0x09), 0x2d),
    },
    {
      id: 'download-read-only',
      title: 'a download to a read-only file gets 0x0C',
      source: '4.4 [H]',
      kind: 'write',
      run: async (bench, judge) =>
        status(judge, await file(bench, await defaultCertificateFile(bench), 0x4c, initiateDownload(16)), 0x0c),
    },
    {
      id: 'create-no-data',
      title: 'Create without a name gets not enough data (0x13)',
      source: '2.3, 4.4',
      kind: 'write',
      run: (bench, judge) => creating(bench, 0x37, undefined, (reply) => status(judge, reply, 0x13)),
    },
    {
      id: 'create-delete',
      title: 'Create gives an instance in state 1, and Delete takes it away',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          judge.sameBytes('state', Uint8Array.of(1), await bench.value(0x37, instance, 1))
        }),
    },
    {
      id: 'download',
      title: 'what is downloaded is what an upload gives back',
      source: '4.4 [R][OF]',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          const begun = await file(bench, instance, 0x4c, initiateDownload(content.length))
          status(judge, begun, 0)
          judge.holds((begun.data[6] ?? 0) >= content.length, 'room for 16 bytes', `${begun.data[6]}`, begun.raw)
          const sent = await file(bench, instance, 0x50, packetOf(0, 4, content, checksumOf(content)))
          status(judge, sent, 0)
          judge.sameBytes('packet number', Uint8Array.of(0), sent.data)
          judge.sameBytes('state', Uint8Array.of(2), await bench.value(0x37, instance, 1))
          const { data } = await upload(bench, judge, instance)
          judge.sameBytes('content', content, data)
        }),
    },
    {
      id: 'download-checksum',
      title: 'a download with a wrong checksum gets 0xD0, and the file is empty',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          status(judge, await file(bench, instance, 0x4c, initiateDownload(content.length)), 0)
          const wrong = (checksumOf(content) ^ 0x00ff) & 0xffff
          status(judge, await file(bench, instance, 0x50, packetOf(0, 4, content, wrong)), 0xd0)
          judge.sameBytes('state', Uint8Array.of(1), await bench.value(0x37, instance, 1))
        }),
    },
    {
      id: 'download-version',
      title: 'a download of another format version than 1 gets 0x20 with 0x0005',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          failure(judge, await file(bench, instance, 0x4c, initiateDownload(16, { version: 2 })), 0x20, 0x0005)
        }),
    },
    {
      id: 'download-too-large',
      title: 'a download of four gigabytes gets 0x20 with 0x0004',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          failure(judge, await file(bench, instance, 0x4c, initiateDownload(0xffff_ffff)), 0x20, 0x0004)
        }),
    },
    {
      id: 'download-no-name',
      title: 'a download without a file name gets 0x20 with 0x000A',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          failure(judge, await file(bench, instance, 0x4c, initiateDownload(16, { name: '' })), 0x20, 0x000a)
        }),
    },
    {
      id: 'download-duplicate',
      title: 'the same packet twice gets 0x20 with 0x000B, one too far 0x20 with 0x0006',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          status(judge, await file(bench, instance, 0x4c, initiateDownload(600)), 0)
          const first = packetOf(0, 0, content)
          status(judge, await file(bench, instance, 0x50, first), 0)
          failure(judge, await file(bench, instance, 0x50, first), 0x20, 0x000b)
          failure(judge, await file(bench, instance, 0x50, packetOf(7, 1, content)), 0x20, 0x0006)
          // Leaves the transfer in order.
          await file(bench, instance, 0x50, packetOf(1, 3, new Uint8Array(0)))
        }),
    },
    {
      id: 'clear',
      title: 'Clear_File empties a file',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          status(judge, await file(bench, instance, 0x4c, initiateDownload(content.length)), 0)
          status(judge, await file(bench, instance, 0x50, packetOf(0, 4, content, checksumOf(content))), 0)
          status(judge, await file(bench, instance, 0x51), 0)
          judge.sameBytes('state', Uint8Array.of(1), await bench.value(0x37, instance, 1))
        }),
    },
    {
      id: 'clear-during-upload',
      title: 'Clear_File during an upload gets 0x0C',
      source: '4.4',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          status(judge, await file(bench, instance, 0x4c, initiateDownload(content.length)), 0)
          status(judge, await file(bench, instance, 0x50, packetOf(0, 4, content, checksumOf(content))), 0)
          status(judge, await file(bench, instance, 0x4b, Uint8Array.of(4)), 0)
          status(judge, await file(bench, instance, 0x51), 0x0c)
          await finishUpload(bench, instance, 0)
        }),
    },
    {
      id: 'upload-empty',
      title: 'an upload of an empty file gets 0x0C',
      source: '4.4 [OF]',
      kind: 'write',
      run: (bench, judge) =>
        withFile(bench, judge, async (instance) => {
          status(judge, await file(bench, instance, 0x4b, Uint8Array.of(100)), 0x0c)
        }),
    },
  ],
)

/** Instances that the directory lists (4.4): UINT, two STRINGI, to the end. */
function directory(value: Uint8Array): number[] {
  const instances: number[] = []
  for (let at = 0; at + 2 <= value.length && instances.length < 4096; ) {
    instances.push(u16(value, at))
    const name = skipText(value, at + 2)
    const next = name === undefined ? undefined : skipText(value, name)
    if (next === undefined) break
    at = next
  }
  return instances
}

function skipText(value: Uint8Array, from: number): number | undefined {
  let at = from + 1
  for (let left = value[from] ?? 0; left > 0; left--) {
    const type = value[at + 3]
    at += 6
    if (type === 0xda) at += 1 + (value[at] ?? 0)
    else if (type === 0xd0) at += 2 + u16(value, at)
    else if (type === 0xd5) at += 2 + u16(value, at) * 2
    else return undefined
  }
  return at > value.length ? undefined : at
}
