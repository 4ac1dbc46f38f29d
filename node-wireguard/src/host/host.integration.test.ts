import type { CommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { type Namespace, openLaboratory, runnerIn, settingsIn } from '../../testing/namespaces.ts'
import { parseCidr, parseIpAddress } from '../address.ts'
import { ensureLink, removeLink } from '../link.ts'
import type { HostConfiguration } from './configuration.ts'
import { settingsMessage } from './forwarding.ts'
import { createHost } from './host.ts'

const own = parseIpAddress('192.168.123.2')
const peer = parseIpAddress('192.168.123.1')

const configuration: HostConfiguration = {
  links: [{ interfaceName: 'wg0', maximumTransmissionUnit: 1380 }],
  addresses: [own, parseIpAddress('fd8f::2')],
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

/** A host in a namespace, and every command that it ran since the last look. */
function hostIn(namespace: Namespace) {
  const runner = runnerIn(namespace)
  const ran: string[] = []
  const counting: CommandRunner = {
    run: (program, args, options) => {
      ran.push([program, ...args].join(' '))
      return runner.run(program, args, options)
    },
  }
  return { host: createHost(counting, settingsIn(namespace)), runner, commands: () => ran.splice(0) }
}

/** All that a check of the whole configuration costs when nothing differs. */
const readings = [
  'ip -json address show',
  'ip -json -N route show table all',
  'ip -json -N -4 rule show',
  'ip -json -N -6 rule show',
  'nft --json list table inet tunnel_wg0',
]

describe('a host', () => {
  it('becomes what it is told, a repeat changes nothing, and what somebody breaks is mended', async () => {
    await using laboratory = openLaboratory()
    const namespace = await laboratory.namespace('host')
    const { host, runner, commands } = hostIn(namespace)
    expect(await ensureLink(runner, 'wg0', 'userspace')).toBe('userspace')
    expect(await ensureLink(runner, 'wg0')).toBe('userspace')
    expect((await host.apply(configuration)).length).toBeGreaterThan(5)
    commands()
    expect(await host.apply(configuration)).toEqual([])
    expect(commands()).toEqual(readings)
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

    await namespace.run('nft', 'flush', 'chain', 'inet', 'tunnel_wg0', 'forward')
    expect((await host.apply(configuration)).map(({ kind }) => kind)).toEqual(['firewall'])
    expect(await namespace.run('nft', 'list', 'ruleset')).toBe(before)
  })

  it('has several links, tables and rules of both families, moves routes between links, and goes without a trace', async () => {
    await using laboratory = openLaboratory()
    const namespace = await laboratory.namespace('host')
    await namespace.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1')
    const { host, runner, commands } = hostIn(namespace)
    for (const name of ['wg0', 'wg1']) await ensureLink(runner, name, 'userspace')
    const through = (interfaceName: string): HostConfiguration => ({
      ...configuration,
      links: [
        { interfaceName: 'wg0', maximumTransmissionUnit: 1380, addresses: [parseIpAddress('fd8f::a0')] },
        { interfaceName: 'wg1', maximumTransmissionUnit: 1400 },
      ],
      routes: [
        ...configuration.routes.map((route) => ({ ...route, interfaceName })),
        { destination: parseCidr('0.0.0.0/0'), table: 100, interfaceName },
        { destination: parseCidr('::/0'), table: 4000, interfaceName },
      ],
      rules: [
        { family: 4, priority: 300, from: parseCidr('192.168.123.2'), mark: 0xcafe, table: 100 },
        { family: 6, priority: 301, to: parseCidr('fd00:97::/64'), table: 4000 },
      ],
    })
    await host.apply(through('wg0'))
    expect((await namespace.run('cat', '/proc/sys/net/ipv4/conf/wg1/rp_filter')).trim()).toBe('2')
    commands()
    expect(await host.apply(through('wg0'))).toEqual([])
    expect(commands()).toEqual(readings)

    const moved = await host.apply(through('wg1'))
    expect(moved.map((step) => (step.kind === 'ip' ? step.args.slice(1, 3) : step.kind))).toEqual(
      Array(5).fill(['route', 'replace']),
    )
    expect(await host.apply(through('wg1'))).toEqual([])
    expect((await namespace.run('ip', '-4', 'route', 'show', 'dev', 'wg0')).trim()).toBe('')
    const looked = await namespace.run('ip', 'route', 'get', '8.8.8.8', 'from', '192.168.123.2', 'mark', '0xcafe')
    expect(looked).toContain('dev wg1')

    const { rules: _, ...withoutRules } = through('wg1')
    expect((await host.apply(withoutRules)).length).toBe(2)
    await host.apply(through('wg1'))
    for (const name of ['wg0', 'wg1']) await removeLink(runner, name)
    await host.clear(configuration)
    await host.clear(configuration)
    expect(await namespace.run('nft', 'list', 'ruleset')).toBe('')
    for (const family of ['-4', '-6']) {
      expect(await namespace.run('ip', family, 'rule', 'show')).not.toMatch(/^30[01]:/m)
      expect(await namespace.run('ip', family, 'route', 'show', 'table', 'main')).toBe('')
    }
  })

  it('is told that the interface is missing, or is something else', async () => {
    await using laboratory = openLaboratory()
    const { host, runner } = hostIn(await laboratory.namespace('host'))
    await expect(host.apply(configuration)).rejects.toMatchObject({ kind: 'NotFound' })
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
    await namespace.feed(settingsMessage('a-name-of-15-ch', { forwarding: 1 }), 'ip', 'address', 'restore')
    expect(await namespace.run('cat', setting)).toBe('1\n')
  })
})

describe('the message that changes settings of an interface', () => {
  it('is of characters that text does not change', () => {
    expect(settingsMessage('a-name-of-15-ch', { forwarding: 1, reversePathFilter: 2 })).toMatch(/^[\0-\x7f]+$/)
  })
})
