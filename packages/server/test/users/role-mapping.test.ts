import { mapRoles, readClaim } from '@cordon/server/users'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

describe('readClaim', () => {
  it.each([
    ['roles', { roles: ['a'] }, ['a']],
    ['realm_access.roles', { realm_access: { roles: ['a'] } }, ['a']],
    ['https://example.com/roles', { 'https://example.com/roles': ['a'] }, ['a']],
    ['a.b', { 'a.b': 1, a: { b: 2 } }, 1],
    ['a.b.c', { a: { b: 2 } }, undefined],
    ['constructor', {}, undefined],
    ['__proto__.toString', {}, undefined],
    ['a.length', { a: ['x'] }, 1],
    ['', { a: 1 }, undefined],
  ])('finds "%s" in %j', (path, claims, expected) => {
    expect(readClaim(claims, path)).toEqual(expected)
  })
})

describe('mapRoles', () => {
  const map = { admins: ['administrator'], ops: ['operator', 'observer'] } as const

  it.each([
    ['a list', { r: ['ops', 'admins', 'x'] }, ['observer', 'operator', 'administrator']],
    ['a text', { r: 'ops' }, ['observer', 'operator']],
    ['an object of roles', { r: { admins: { org: '1' } } }, ['administrator']],
    ['nothing that fits', { r: ['x', 'constructor', '__proto__'] }, []],
    ['another type', { r: 5 }, []],
    ['no claim', {}, []],
  ])('takes %s', (_, claims, expected) => {
    expect(mapRoles(claims, 'r', map).roles).toEqual(expected)
  })

  it('says of every case where it looked and what it found', () => {
    expect(mapRoles({ sub: '1', groups: [] }, 'r', map).explanation).toBe(
      'there is no claim "r" with a text or a list; the claims are: sub, groups',
    )
    expect(mapRoles({ r: [] }, 'r', map).explanation).toBe(
      'claim "r" is empty; none of it is in the map of roles, which has "admins", "ops"',
    )
    expect(mapRoles({ r: ['ops', 'x'] }, 'r', map).explanation).toBe(
      'claim "r" is "ops", "x"; "ops" gives operator, observer',
    )
  })

  it('gives no role that the map has not, and a bounded explanation, for any claims', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (claims, path) => {
        const { roles, explanation } = mapRoles(claims, path, map)
        for (const role of roles) expect(['administrator', 'operator', 'observer']).toContain(role)
        expect(explanation.length).toBeLessThan(40_000)
        expect(explanation).not.toMatch(/[\p{Cc}]/u)
      }),
    )
  })
})
