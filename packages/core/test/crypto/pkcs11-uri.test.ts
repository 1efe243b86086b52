import { formatPkcs11Uri, parsePkcs11Uri, tokenProblem } from '@cordon/core/crypto'
import { MalformedMessage } from '@cordon/core/errors'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

describe('a PKCS#11 URI', () => {
  test('is read with every attribute', () => {
    const text =
      'pkcs11:token=The%20Plant;manufacturer=Maker;model=v2;serial=0a1b;slot-id=7;object=root%3B1;id=%01%ff;type=private' +
      '?module-path=/usr/lib/p11.so&pin-source=file:/run/pin'
    expect(parsePkcs11Uri(text)).toEqual({
      token: 'The Plant',
      manufacturer: 'Maker',
      model: 'v2',
      serial: '0a1b',
      slotId: 7,
      object: 'root;1',
      id: Uint8Array.of(1, 255),
      type: 'private',
      modulePath: '/usr/lib/p11.so',
      pinSource: '/run/pin',
    })
  })

  test.each(['file:/run/pin', 'file:///run/pin', '/run/pin'])('takes the PIN file %s', (source) => {
    expect(parsePkcs11Uri(`pkcs11:token=a?pin-source=${source}`).pinSource).toBe('/run/pin')
  })

  test.each([
    ['token=a', /begins with "pkcs11:"/],
    ['pkcs11:token=a;token=b', /stands twice/],
    ['pkcs11:token=', /no value/],
    ['pkcs11:token', /no value/],
    ['pkcs11:tokens=a', /unknown attribute "tokens"/],
    ['pkcs11:pin-source=file:/a', /after|before/],
    ['pkcs11:token=a?object=b', /unknown attribute "object"/],
    ['pkcs11:token=a b', /%20/],
    ['pkcs11:token=%2', /two hex digits/],
    ['pkcs11:token=%ff', /not UTF-8/],
    ['pkcs11:token=%0a', /control character/],
    ['pkcs11:token=a;slot-id=x', /number/],
    ['pkcs11:token=a;slot-id=4294967296', /number/],
    ['pkcs11:token=a;type=key', /expected type/],
    ['pkcs11:token=a?module-path=lib.so', /absolute path/],
    ['pkcs11:token=a?pin-source=|cat%20/run/pin', /absolute path/],
    ['pkcs11:token=a?pin-source=file://host/pin', /absolute path/],
    ['pkcs11:a?b?c', /one "\?"/],
    [`pkcs11:token=${'a'.repeat(1100)}`, /at most 1024/],
    [`pkcs11:id=${'%00'.repeat(65)}`, /64 bytes/],
  ])('is refused: %s', (text, reason) => {
    expect(() => parsePkcs11Uri(text)).toThrow(MalformedMessage)
    expect(() => parsePkcs11Uri(text)).toThrow(reason)
  })

  test('never takes a PIN, and does not repeat it', () => {
    const failure = (() => {
      try {
        return parsePkcs11Uri('pkcs11:token=a?pin-value=4711')
      } catch (error) {
        return String(error)
      }
    })()
    expect(failure).toMatch(/pin-source/)
    expect(failure).not.toContain('4711')
  })

  test('is what was written', () => {
    const label = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text))
    fc.assert(
      fc.property(label, label, fc.uint8Array({ minLength: 1, maxLength: 64 }), (token, object, id) => {
        const uri = { token, object, id, pinSource: `/run/${token}` }
        expect(parsePkcs11Uri(formatPkcs11Uri(uri))).toMatchObject(uri)
      }),
    )
  })

  test('is that of a token when it names one and no object', () => {
    expect(tokenProblem(parsePkcs11Uri('pkcs11:token=a?pin-source=/run/pin'))).toBeUndefined()
    expect(tokenProblem(parsePkcs11Uri('pkcs11:token=a;object=b'))).toMatch(/without object/)
    expect(tokenProblem(parsePkcs11Uri('pkcs11:slot-id=1'))).toMatch(/token=LABEL/)
  })
})
