import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import {
  decideToken,
  deriveBootstrapToken,
  deriveTokenId,
  tokenExpiry,
  tokenOf,
  tokenSecret,
  tokenSecretName,
} from './bootstrap-token.ts'
import { fillUserData, needsToken, userDataOf } from './user-data.ts'

const key = Buffer.from('0123456789abcdef0123456789abcdef')

describe('bootstrap tokens', () => {
  it('are always the same for a machine and have the form that the API server wants', () => {
    fc.assert(
      fc.property(fc.uuid(), (uid) => {
        const token = deriveBootstrapToken(key, uid)
        expect(token).toEqual(deriveBootstrapToken(key, uid))
        expect(`${token.id}.${token.secret}`).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/)
        expect(deriveTokenId(uid)).toMatch(/^[a-z0-9]{6}$/)
      }),
    )
  })

  it('do not change from one release to the next', () => {
    expect(deriveBootstrapToken(key, '6b1f4f3a-0c0e-4c6e-8f0a-1d2e3f405060')).toMatchInlineSnapshot(`
      {
        "id": "icghd2",
        "secret": "n7b4gitctehphv1d",
      }
    `)
  })

  it('differ by machine and by key', () => {
    const one = deriveBootstrapToken(key, 'a')
    expect(deriveBootstrapToken(key, 'b')).not.toEqual(one)
    expect(deriveBootstrapToken(Buffer.alloc(32), 'a')).not.toEqual(one)
    expect(one.id).not.toBe(deriveTokenId('a'))
  })

  it('do not favour any character, and hardly ever meet', () => {
    const counts = new Map<string, number>()
    const ids = new Set<string>()
    const tokens = 4000
    for (let index = 0; index < tokens; index++) {
      const { id, secret } = deriveBootstrapToken(key, `machine-${index}`)
      ids.add(id)
      for (const character of id + secret) counts.set(character, (counts.get(character) ?? 0) + 1)
    }
    const expected = (tokens * 22) / 36
    expect(counts.size).toBe(36)
    // Five standard deviations: a draw by remainder of a byte would favour four characters by an eighth.
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected))
    expect(ids.size).toBeGreaterThan(tokens - 5)
  })
})

describe('the Secret of a token', () => {
  const token = { id: 'abcdef', secret: '0123456789abcdef' }
  const options = { token, machineName: 'm', extraGroups: '', expiresAt: epoch + 1_200_000 }

  it('is what the API server and the token cleaner look for', () => {
    const secret = tokenSecret({ ...options, extraGroups: 'system:bootstrappers:a' })
    const text = Object.fromEntries(
      Object.entries(secret.data ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]),
    )
    expect(secret).toMatchObject({
      type: 'bootstrap.kubernetes.io/token',
      metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
    })
    expect(text).toEqual({
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      description: 'Lets machine m join.',
      expiration: '2026-01-01T00:20:00Z',
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:a',
    })
    expect(tokenOf(secret)).toEqual(token)
    expect(tokenExpiry(secret)).toBe(epoch + 1_200_000)
    expect(tokenSecretName('abcdef')).toBe('bootstrap-token-abcdef')
  })

  it.each([
    { reason: 'none yet', present: undefined, now: 0, action: { kind: 'create' } },
    { reason: 'fresh', present: token, now: 0, action: { kind: 'keep', renewInMilliseconds: 600_000 } },
    { reason: 'half over', present: token, now: 600_000, action: { kind: 'replace' } },
    { reason: 'long over', present: token, now: 9_000_000, action: { kind: 'replace' } },
    { reason: 'of another machine', present: { id: 'abcdef', secret: 'x' }, now: 0, action: { kind: 'replace' } },
  ])('$reason', ({ present, now, action }) => {
    const secret = present === undefined ? undefined : tokenSecret({ ...options, token: present })
    expect(decideToken(secret, token, 1_200_000, epoch + now)).toEqual(action)
  })

  it('without an expiry never needs renewal', () => {
    const { expiration: _, ...data } = tokenSecret(options).data ?? {}
    expect(decideToken({ ...tokenSecret(options), data }, token, 1000, epoch)).toMatchObject({ kind: 'keep' })
  })
})

describe('user-data', () => {
  const token = { id: 'abcdef', secret: '0123456789abcdef' }
  const fill = (text: string) => fillUserData(text, { machineName: 'machine-$&', token })

  it('gets token and name, plainly and URL-encoded, everywhere', () => {
    expect(fill('t: <<BOOTSTRAP_TOKEN>> <<BOOTSTRAP_TOKEN>> n: <<MACHINE_NAME>>')).toBe(
      't: abcdef.0123456789abcdef abcdef.0123456789abcdef n: machine-$&',
    )
    expect(fill('%3C%3CBOOTSTRAP_TOKEN%3E%3E/%3C%3CMACHINE_NAME%3E%3E')).toBe('abcdef.0123456789abcdef/machine-%24%26')
  })

  it('without placeholders stays as it is', () => {
    expect(fill('#cloud-config')).toBe('#cloud-config')
    expect(needsToken('#cloud-config <<MACHINE_NAME>>')).toBe(false)
    expect(needsToken('<<BOOTSTRAP_TOKEN>>')).toBe(true)
    expect(needsToken('%3C%3CBOOTSTRAP_TOKEN%3E%3E')).toBe(true)
  })

  it('must be there', () => {
    expect(userDataOf({ userData: '' }, 'c')).toBe('')
    expect(() => userDataOf({}, 'c')).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'secretRef.data.userData' }),
    )
  })
})
