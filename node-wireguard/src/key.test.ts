import { isFailure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  generatePresharedKey,
  generatePrivateKey,
  isZeroKey,
  keyToHex,
  parsePresharedKey,
  parsePrivateKey,
  parsePublicKey,
  publicKeyOf,
} from './key.ts'

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array))

describe('keys', () => {
  it('derives the same public key as wg pubkey', () => {
    const privateKey = parsePrivateKey('OPRghNjdQ93mfvxyXVw6WQBHOazS/JxHdnZasTN5jUo=')
    expect(publicKeyOf(privateKey)).toBe('0cBTCwCvj2FkH5xFOMycri3+bcZrUZEjPUC1OHLFvlc=')
  })

  it('reads base64 and hex alike, with white space around', () => {
    fc.assert(
      fc.property(bytes, (key) => {
        const [base64, hex] = [key.toString('base64'), key.toString('hex')]
        expect(parsePublicKey(`${base64}\n`)).toBe(base64)
        expect(parsePublicKey(` ${hex.toUpperCase()} `)).toBe(base64)
        expect(keyToHex(parsePresharedKey(hex))).toBe(hex)
      }),
    )
  })

  it('clamps a private key once and for all, which keeps its public key', () => {
    fc.assert(
      fc.property(bytes, (key) => {
        const clamped = parsePrivateKey(key.toString('base64'))
        expect(parsePrivateKey(clamped)).toBe(clamped)
        const raw = Buffer.from(clamped, 'base64')
        expect((raw.at(0) ?? 0) & 7).toBe(0)
        expect((raw.at(31) ?? 0) & 192).toBe(64)
      }),
    )
  })

  it('makes keys that parse to themselves and repeat for the same seed', () => {
    const random = () => createSeededRandom('keys')
    const privateKey = generatePrivateKey(random())
    expect(parsePrivateKey(privateKey)).toBe(privateKey)
    expect(generatePrivateKey(random())).toBe(privateKey)
    expect(parsePresharedKey(generatePresharedKey(random()))).toHaveLength(44)
  })

  it('refuses anything else by field, without repeating it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 6 }), (text) => {
        try {
          expect(parsePrivateKey(text, 'some.field')).toHaveLength(44)
        } catch (error) {
          if (!isFailure(error, 'Invalid')) throw error
          expect(error.field).toBe('some.field')
          expect(error.message).toBe('is not a WireGuard key')
        }
      }),
    )
    for (const text of ['', 'AAAA', `${'A'.repeat(44)}`, `${'A'.repeat(42)}B=`, 'g'.repeat(64)])
      expect(() => parsePublicKey(text)).toThrow('is not a WireGuard key')
  })

  it('knows the key that means none', () => {
    expect(isZeroKey('0'.repeat(64))).toBe(true)
    expect(isZeroKey(Buffer.alloc(32).toString('base64'))).toBe(true)
    expect(isZeroKey(`1${'0'.repeat(63)}`)).toBe(false)
  })
})
