import { describe, expect, it } from 'vitest'
import { linkToken } from '../../src/credentials/link-token.ts'
import { passwordHint } from '../../src/credentials/password-rule.ts'
import { whereTo } from '../../src/credentials/where-to.ts'

describe('a new password', () => {
  it('needs twelve characters, counted as people count them', () => {
    expect(passwordHint('elevenchars').isAcceptable).toBe(false)
    expect(passwordHint('elevenchars').text).toBe('1 more character needed.')
    expect(passwordHint('kéttő három 😀').isAcceptable).toBe(true)
    expect(passwordHint('x'.repeat(300)).isAcceptable).toBe(false)
  })

  it('is not the name, nor one letter, and is warned of where it is guessed first', () => {
    expect(passwordHint('aaaaaaaaaaaaaaa').isAcceptable).toBe(false)
    expect(passwordHint('Ada.Lindqvist', 'ada.lindqvist').isAcceptable).toBe(false)
    expect(passwordHint('ada-and-the-rest', 'ada').tone).toBe('warn')
    expect(passwordHint('password12345!').tone).toBe('warn')
    expect(passwordHint('correct horse battery staple').tone).toBe('good')
  })
})

describe('the token of a link', () => {
  it('is what stands behind the hash, and nothing odd', () => {
    expect(linkToken('#abc_DEF-1.2~3')).toBe('abc_DEF-1.2~3')
    for (const odd of ['', '#', '#a b', '#<script>', `#${'a'.repeat(129)}`]) expect(linkToken(odd)).toBeUndefined()
  })
})

describe('where signing in leads', () => {
  it('is a path of this application and nothing else', () => {
    expect(whereTo('/plans/1?x=2')).toBe('/plans/1?x=2')
    for (const odd of [
      undefined,
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      '/sign-in?to=/',
    ]) {
      expect(whereTo(odd)).toBe('/')
    }
  })
})
