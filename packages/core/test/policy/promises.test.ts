import { everyoneElse, type PolicyPromise } from '@cordon/core/policy'
import { expect, test } from 'vitest'
import { spellUnenforceable } from '../../src/policy/promises.ts'

const promise = (peer: string, transport: 'tcp' | 'udp', reason: string): PolicyPromise => ({
  peer,
  transport,
  enforcement: 'not-enforceable',
  reason,
})

test('what cannot be enforced is one sentence for each peer, its transports together', () => {
  expect(
    spellUnenforceable([
      promise(everyoneElse, 'tcp', 'tcp/44818 is open'),
      promise('Panel', 'tcp', 'it has no rules'),
      { ...promise('Kept', 'tcp', 'it has rules'), enforcement: 'here' },
      promise('Panel', 'udp', 'it has no rules'),
      promise(everyoneElse, 'udp', 'udp/2222 is open'),
    ]),
  ).toEqual([
    'everyone else over tcp: tcp/44818 is open; over udp: udp/2222 is open',
    'Panel over tcp and udp: it has no rules',
  ])
})
