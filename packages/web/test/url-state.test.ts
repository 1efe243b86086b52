import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changed, listOf, oneOf, searchText, searchValues } from '../src/address/url-state.ts'

describe('the state of a view', () => {
  test('survives the way through its address', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ minLength: 1, maxLength: 60 })),
        (state) => {
          const text = searchText(state)
          expect(searchValues(Object.fromEntries(new URLSearchParams(text)))).toEqual(searchValues(state))
        },
      ),
    )
  })

  test('has one address, however it came about', () => {
    expect(searchText({ zone: 'a', plant: 'p' })).toBe(searchText({ plant: 'p', zone: 'a' }))
  })

  test('has no question mark when there is nothing to say', () => {
    expect(searchText({ text: '', zone: undefined })).toBe('')
  })

  test('keeps numbers as the texts that they were', () => {
    expect(searchValues({ zone: 12 })).toEqual({ zone: '12' })
  })

  test('drops what is no text, and cuts what is endless', () => {
    expect(searchValues({ a: { b: 1 }, c: null })).toEqual({})
    expect(searchValues({ a: 'x'.repeat(10_000) })['a']).toHaveLength(500)
  })

  test('loses a name whose value is emptied, and no other', () => {
    expect(changed({ zone: 'a', text: 'b' }, { text: '' })).toEqual({ zone: 'a' })
  })
})

test('an unknown word falls back to the first', () => {
  expect(oneOf('nonsense', ['map', 'table'])).toBe('map')
  expect(oneOf('table', ['map', 'table'])).toBe('table')
})

test('a list of names has each once', () => {
  expect(listOf('a,b,,a')).toEqual(['a', 'b'])
  expect(listOf(undefined)).toEqual([])
})
