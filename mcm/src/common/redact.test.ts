import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redact } from './redact.ts'

describe('redact', () => {
  it.each([
    ['a bootstrap token', 'joining with abcdef.0123456789abcdef now', 'joining with [redacted] now'],
    ['a JSON web token', 'got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', 'got [redacted]'],
    ['a header', 'Authorization: Bearer 0123456789', 'Authorization: Bearer [redacted]'],
    ['a password', 'password=hunter2 user=me', 'password=[redacted] user=me'],
    ['a password in JSON', '{"adminPassword": "hunter2"}', '{"adminPassword": "[redacted]"}'],
    ['a password in an address', 'https://me:hunter2@host/x', 'https://me:[redacted]@host/x'],
    ['a key', 'k\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nend', 'k\n[redacted]\nend'],
    ['a key that is cut off', '-----BEGIN PRIVATE KEY-----\nMIIE', '[redacted]'],
    [
      'nothing in plain text',
      'cloud-init finished at 12:00, up 9.5 seconds',
      'cloud-init finished at 12:00, up 9.5 seconds',
    ],
  ])('strikes %s', (_what, text, expected) => {
    expect(redact(text)).toBe(expected)
  })

  it('strikes every line of a given secret, wherever it stands', () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[A-Za-z0-9]{8,30}$/), fc.string(), (before, secret, after) => {
        expect(redact(`${before}${secret}${after}`, [`x\n${secret}\n`])).not.toContain(secret)
      }),
    )
  })

  it('leaves short values alone', () => {
    expect(redact('a true story', ['true'])).toBe('a true story')
  })
})
