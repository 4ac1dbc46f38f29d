import { describe, expect, it } from 'vitest'
import { cgroupOf, idInNamespace, namesOf, namespaceOf, outerLinkOf, placesOf, stableHardwareAddress } from './names.ts'

describe('namesOf', () => {
  it('keeps interface names within the kernel’s 15 characters', () => {
    expect(namesOf('abcdefghijk').hostInterface.length).toBeLessThanOrEqual(15)
    expect(outerLinkOf('srv-12345678').length).toBeLessThanOrEqual(15)
  })
  it.each(['', 'a-b', 'A', '1a', 'abcdefghijkl', 'a_b'])('refuses "%s"', (instance) => {
    expect(() => namesOf(instance)).toThrow(expect.objectContaining({ kind: 'Invalid', field: 'instance' }))
  })
})

describe('idInNamespace', () => {
  it.each([
    ['one-srv-12345678', 'srv-12345678'],
    ['one-net-abcdefgh', 'net-abcdefgh'],
    ['one-cloud', undefined],
    ['onemore-srv-12345678', undefined],
    ['one-srv-123', undefined],
    ['other-srv-12345678', undefined],
  ])('%s holds %s', (namespace, id) => expect(idInNamespace('one', namespace)).toBe(id))
  it('undoes namespaceOf', () => expect(idInNamespace('one', namespaceOf('one', 'srv-12345678'))).toBe('srv-12345678'))
})

it('gives hardware addresses that are local, unicast and stable', () => {
  expect(stableHardwareAddress('a')).toMatch(/^02(:[0-9a-f]{2}){5}$/)
  expect(stableHardwareAddress('a')).toBe(stableHardwareAddress('a'))
  expect(stableHardwareAddress('a')).not.toBe(stableHardwareAddress('b'))
})

it('keeps everything of an installation below its own directories', () => {
  const places = placesOf('/state', '/run/t')
  expect(cgroupOf('one', 'srv-1')).toBe('/one/srv-1')
  for (const path of Object.values(places)) expect(path).toMatch(/^\/(state|run\/t)/)
})
