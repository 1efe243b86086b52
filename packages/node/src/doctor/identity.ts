import { type DiscoveredDevice, listIdentityReply, listIdentityRequest } from '@cordon/core/client'
import { spellSerial, unexpectedUnit, type UnitIdentity } from '@cordon/core/deployment'
import { FrameSplitter } from '@cordon/core/enip'
import { MalformedMessage, TransportError } from '@cordon/core/errors'
import { randomInt } from 'node:crypto'
import { discover } from '../originator/discover.ts'
import { connectTcp } from '../transports/tcp.ts'
import { broken, type Facts, holds, notApplicable, type Question, type RungOutcome } from './ladder.ts'

/** Who answers, and is it the unit that the plant expects? */
export async function identity(question: Question, { doors }: Facts): Promise<RungOutcome> {
  const [overUdp, overTcp] = await Promise.all([
    askUdp(question),
    doors?.plain === 'open' ? askTcp(question) : ('refused' as const),
  ])
  const found = typeof overTcp === 'object' ? overTcp : overUdp
  if (found === undefined) {
    // A secured device may accept plain connections and end them by its rules: what it has on 2221 says more.
    const isPlainAlone = doors?.secure !== 'open'
    if (overTcp === 'not-enip' || (isPlainAlone && overTcp !== 'refused')) {
      return broken('listener-not-enip', tcpWords[overTcp === 'not-enip' || overTcp === 'ended' ? overTcp : 'silent'])
    }
    return notApplicable('44818 tells nothing here: who it is will be asked over the session')
  }
  const unit = unitOf(found)
  const ways = [overUdp === undefined ? [] : ['UDP'], typeof overTcp === 'object' ? ['TCP'] : []].flat()
  const evidence = [`${spellUnit(unit)}, by ListIdentity over ${ways.join(' and ')}`, securityWords(found)]
  const wrong = unexpectedUnit(question.expectation?.expect, unit)
  return wrong === undefined ? holds(evidence, { facts: { unit } }) : broken('wrong-unit', wrong, evidence)
}

const tcpWords = {
  'not-enip': 'the answer to ListIdentity over TCP is not EtherNet/IP',
  ended: 'the connection was ended instead of an answer to ListIdentity',
  silent: 'no answer to ListIdentity over TCP',
} as const

/** What came of ListIdentity over TCP: other bytes, an end without any, or nothing. */
type NoIdentity = keyof typeof tcpWords

/** A unit in words. */
export function spellUnit(unit: UnitIdentity): string {
  const revision = `${unit.major}.${String(unit.minor).padStart(3, '0')}`
  return `${unit.productName.trimEnd()}, vendor ${unit.vendorId}, type ${unit.deviceType}, product ${unit.productCode}, revision ${revision}, serial ${spellSerial(unit.serialNumber)}`
}

function unitOf({ identity: item }: DiscoveredDevice): UnitIdentity {
  return {
    vendorId: item.vendorId,
    deviceType: item.deviceType,
    productCode: item.productCode,
    major: item.revision.major,
    minor: item.revision.minor,
    serialNumber: item.serialNumber,
    productName: item.productName,
  }
}

function securityWords({ security }: DiscoveredDevice): string {
  return security === undefined
    ? 'it announces no CIP Security (no item 0x0086)'
    : 'it announces CIP Security (item 0x0086)'
}

async function askUdp(question: Question): Promise<DiscoveredDevice | undefined> {
  const [reply] = await discover({
    targets: [question.address],
    port: question.plainPort,
    waitMs: Math.min(600, question.silenceMs),
    tries: 2,
    ...(question.localAddress === undefined ? {} : { localAddress: question.localAddress }),
    ...(question.signal === undefined ? {} : { signal: question.signal }),
    ...(question.schedule === undefined ? {} : { schedule: question.schedule }),
  })
  return reply
}

async function askTcp(question: Question): Promise<DiscoveredDevice | NoIdentity> {
  const { signal } = question
  const tag = randomInt(1, 0xffff_ffff)
  let carrier: Awaited<ReturnType<typeof connectTcp>>
  try {
    carrier = await connectTcp({
      address: question.address,
      port: question.plainPort,
      timeoutMs: question.timeoutMs,
      ...(question.localAddress === undefined ? {} : { localAddress: question.localAddress }),
      ...(signal === undefined ? {} : { signal }),
    })
  } catch (error) {
    if (!(error instanceof TransportError) || error.code === 'aborted') throw error
    return 'silent'
  }
  const splitter = new FrameSplitter()
  let heard = 0
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      carrier.destroy()
    }
    const finish = (answer: DiscoveredDevice | NoIdentity) => {
      end()
      resolve(answer)
    }
    const onAbort = () => {
      end()
      reject(new TransportError('aborted', 'ListIdentity: cancelled by the caller', { cause: signal?.reason }))
    }
    const timer = setTimeout(() => finish('silent'), question.timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    carrier.attach({
      data: (bytes) => {
        heard += bytes.length
        try {
          splitter.push(bytes)
          const message = splitter.next()
          if (message !== undefined) finish(listIdentityReply(message, tag) ?? 'not-enip')
          // A header of EtherNet/IP is 24 bytes; a stream that begins otherwise has another length there and never ends.
          else if (splitter.buffered > 4096) finish('not-enip')
        } catch (error) {
          if (!(error instanceof MalformedMessage)) throw error
          finish('not-enip')
        }
      },
      closed: () => finish(heard === 0 ? 'ended' : 'not-enip'),
    })
    carrier.send(listIdentityRequest(0, tag))
  })
}
