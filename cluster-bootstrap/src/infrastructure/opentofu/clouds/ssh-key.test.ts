import { expect, it } from 'vitest'
import { findPublicKey, unownedPublicKey } from './ssh-key.ts'

it('makes the same key for the same name, as OpenSSH writes it', () => {
  const [type, text = '', comment] = unownedPublicKey('shoot--local--first').split(' ')
  expect([type, comment]).toEqual(['ssh-ed25519', 'shoot--local--first'])
  const bytes = Buffer.from(text, 'base64')
  expect(bytes.length).toBe(4 + 11 + 4 + 32)
  expect(bytes.subarray(4, 15).toString()).toBe('ssh-ed25519')
  expect(unownedPublicKey('shoot--local--first')).toBe(unownedPublicKey('shoot--local--first'))
  expect(unownedPublicKey('shoot--local--other').split(' ')[1]).not.toBe(text)
})

it('takes the key of the secret when there is one', () => {
  expect(findPublicKey({ sshPublicKey: 'ssh-ed25519 AAAA me\n' })).toBe('ssh-ed25519 AAAA me')
  expect(findPublicKey({ sshPublicKey: ' ' })).toBeUndefined()
})
