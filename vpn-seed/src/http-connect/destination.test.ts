import fc from 'fast-check'
import { parseCidr, parseIpAddress } from 'node-wireguard/address'
import { describe, expect, it } from 'vitest'
import { findDestination, isAllowed } from './destination.ts'

const networks = ['10.250.0.0/16', '100.96.0.0/16', '100.64.0.0/16', 'fd00:96::/56'].map((text) => parseCidr(text))
const names: Readonly<Record<string, readonly string[]>> = {
  'node-a': ['10.250.0.7'],
  'both.example': ['192.0.2.1', '10.250.0.8', 'fd00:96::8'],
  outside: ['192.0.2.1'],
  nothing: [],
}
const resolve = async (name: string) => {
  const found = names[name]
  if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  return found
}

describe('the destination of a request', () => {
  it.each([
    ['100.96.3.4:10250', ['100.96.3.4'], 10250],
    ['[fd00:96::3]:443', ['fd00:96::3'], 443],
    ['node-a:10250', ['10.250.0.7'], 10250],
    ['both.example:443', ['10.250.0.8', 'fd00:96::8'], 443],
  ])('%s is found', async (target, addresses, port) => {
    expect(await findDestination(target, networks, resolve)).toEqual({ addresses, port })
  })

  it.each([
    ['127.0.0.1:9443', 'forbidden'],
    ['192.168.123.2:9110', 'forbidden'],
    ['169.254.169.254:80', 'forbidden'],
    ['[::1]:443', 'forbidden'],
    ['[::ffff:100.96.3.4]:443', 'forbidden'],
    ['outside:443', 'forbidden'],
    ['nothing:443', 'unresolved'],
    ['unheard-of:443', 'unresolved'],
    ['', 'malformed'],
    ['/', 'malformed'],
    ['100.96.3.4', 'malformed'],
    ['100.96.3.4:0', 'malformed'],
    ['100.96.3.4:65536', 'malformed'],
    ['100.96.3.4:443:1', 'malformed'],
    ['0x7f.1:443', 'unresolved'],
    ['1684300900:443', 'malformed'],
    ['user@100.96.3.4:443', 'malformed'],
    ['http://100.96.3.4:443', 'malformed'],
  ])('%s is refused: %s', async (target, refused) => {
    expect(await findDestination(target, networks, resolve)).toEqual({ refused })
  })

  it('is never an address outside, whatever is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65535 }), async (host, port) => {
        const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
        const found = await findDestination(target, networks, resolve)
        const inside = isAllowed(parseIpAddress(host), networks)
        expect(found).toEqual(inside ? { addresses: [parseIpAddress(host)], port } : { refused: 'forbidden' })
      }),
    )
  })

  it('survives any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (target) => {
        expect(await findDestination(target, networks, resolve)).toHaveProperty('refused')
      }),
    )
  })
})
