import { type CommandRunner, createCommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { type Namespace, openLaboratory } from '../../testing/namespaces.ts'
import { parseCidr, parseIpAddress } from '../address.ts'
import { ensureLink, removeLink } from '../link.ts'
import type { HostConfiguration } from './configuration.ts'
import { forwardingMessage } from './forwarding.ts'
import { createHost } from './host.ts'

const own = parseIpAddress('192.168.123.2')
const peer = parseIpAddress('192.168.123.1')

const configuration: HostConfiguration = {
  interfaceName: 'wg0',
  addresses: [own, parseIpAddress('fd8f::2')],
  maximumTransmissionUnit: 1380,
  routes: [
    { destination: parseCidr('192.168.123.1'), source: own },
    { destination: parseCidr('10.250.0.0/16'), source: own },
    { destination: parseCidr('fd00:96::/64'), source: parseIpAddress('fd8f::2') },
  ],
  firewall: {
    tableName: 'tunnel_wg0',
    probePort: 5400,
    peerAddresses: [peer],
    forwardTo: [parseCidr('100.96.0.0/16')],
  },
  forwarding: [],
}

/** Runs everything in a namespace. */
function inside(namespace: Namespace): CommandRunner {
  const runner = createCommandRunner()
  return {
    run: (program, args, options) => runner.run('ip', ['netns', 'exec', namespace.name, program, ...args], options),
  }
}

describe('a host', () => {
  it('becomes what it is told, a repeat changes nothing, and what somebody breaks is mended', async () => {
    await using laboratory = openLaboratory()
    const namespace = await laboratory.namespace('host')
    const runner = inside(namespace)
    expect(await ensureLink(runner, 'wg0', 'userspace')).toBe('userspace')
    expect(await ensureLink(runner, 'wg0')).toBe('userspace')
    const host = createHost(runner)
    expect((await host.apply(configuration)).length).toBeGreaterThan(5)
    expect(await host.apply(configuration)).toEqual([])
    const shown = await namespace.run('ip', 'address', 'show', 'dev', 'wg0')
    expect(shown).toContain('mtu 1380')
    expect(shown).toContain('inet 192.168.123.2/32')
    expect(shown).toContain('inet6 fd8f::2/128')
    const before = await namespace.run('nft', 'list', 'ruleset')

    await namespace.run('ip', 'route', 'delete', '10.250.0.0/16')
    await namespace.run('ip', 'route', 'add', '10.251.0.0/16', 'dev', 'wg0')
    await namespace.run('ip', 'address', 'add', '1.2.3.4/24', 'dev', 'wg0')
    await namespace.run('nft', 'delete', 'table', 'inet', 'tunnel_wg0')
    expect((await host.apply(configuration)).map(({ kind }) => kind)).toEqual(['firewall', 'ip', 'ip', 'ip'])
    expect(await host.apply(configuration)).toEqual([])
    expect(await namespace.run('nft', 'list', 'ruleset')).toBe(before)
    const routes = await namespace.run('ip', '-4', 'route', 'show', 'dev', 'wg0')
    expect(routes).toContain('10.250.0.0/16')
    expect(routes).not.toContain('10.251.0.0/16')
  })

  it('is told that the interface is missing, or is something else', async () => {
    await using laboratory = openLaboratory()
    const runner = inside(await laboratory.namespace('host'))
    await expect(createHost(runner).apply(configuration)).rejects.toMatchObject({ kind: 'NotFound' })
    await runner.run('ip', ['link', 'add', 'wg0', 'type', 'bridge'])
    await expect(ensureLink(runner, 'wg0')).rejects.toMatchObject({ kind: 'Conflict', field: 'interface' })
    await removeLink(runner, 'wg0')
    await removeLink(runner, 'wg0')
    expect((await runner.run('ip', ['link', 'show', 'wg0'])).code).not.toBe(0)
  })

  it('switches forwarding on without writing to /proc/sys', async () => {
    await using laboratory = openLaboratory()
    const namespace = await laboratory.namespace('host')
    await namespace.run('ip', 'tuntap', 'add', 'dev', 'a-name-of-15-ch', 'mode', 'tun')
    const setting = '/proc/sys/net/ipv4/conf/a-name-of-15-ch/forwarding'
    await namespace.run('sysctl', '-qw', 'net.ipv4.conf.a-name-of-15-ch.forwarding=0')
    expect(await namespace.run('cat', setting)).toBe('0\n')
    await namespace.feed(forwardingMessage('a-name-of-15-ch'), 'ip', 'address', 'restore')
    expect(await namespace.run('cat', setting)).toBe('1\n')
  })
})

describe('the message that switches forwarding on', () => {
  it('is of characters that text does not change', () => {
    expect(forwardingMessage('a-name-of-15-ch')).toMatch(/^[\0-\x7f]+$/)
  })
})
