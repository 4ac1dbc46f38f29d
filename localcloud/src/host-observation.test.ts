import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { groupsBelow, hierarchies } from './control-groups.ts'
import { defaultLimits, parseCapabilities, parseOpenFilesLimit, warningsOf } from './host-facts.ts'
import { identityFiles } from './machine-files.ts'
import { mountsBelow, parseMounts } from './mounts.ts'
import { parseLinks, parseRoutes } from './namespace-changes.ts'
import { findProcess, isAlive, parseStat } from './processes.ts'

describe('parseCapabilities', () => {
  it('names the bits', () => {
    expect(parseCapabilities('CapEff:\t0\nCapBnd:\t0000000000000003\n')).toEqual(['CAP_CHOWN', 'CAP_DAC_OVERRIDE'])
  })
  it('knows all and misses the one that is absent', () => {
    const names = parseCapabilities('CapBnd:\t000001fffeffffff\n')
    expect(names).toHaveLength(40)
    expect(names).not.toContain('CAP_SYS_RESOURCE')
    expect(names.at(-1)).toBe('CAP_CHECKPOINT_RESTORE')
  })
})

it.each([
  ['Max open files            1024                 20000                files', 20_000],
  ['Max open files            1024                 unlimited            files', 1_048_576],
  ['', 1_048_576],
])('reads the limit of open files out of "%s"', (line, limit) => {
  expect(parseOpenFilesLimit(`Max processes  1  2  processes\n${line}\n`)).toBe(limit)
})

it('promises cores and memory more than once', () => {
  expect(defaultLimits({ cores: 2, memoryBytes: 1000 })).toEqual({ servers: 10, cores: 8, memoryBytes: 2000 })
})

it.each([
  { inotifyInstances: 128, warnings: ['enough for about 6 machines of 10'] },
  { inotifyInstances: 8, warnings: ['enough for about 0 machines of 10'] },
  { inotifyInstances: 192, warnings: [] },
])('warns when $inotifyInstances inotify instances do not suffice', ({ inotifyInstances, warnings }) => {
  const found = warningsOf({ inotifyInstances }, { servers: 10, cores: 1, memoryBytes: 1 })
  expect(found).toEqual(warnings.map((warning) => expect.stringContaining(warning)))
})

describe('mounts', () => {
  const text = [
    '22 27 0:21 / /proc rw,relatime - proc proc rw',
    '30 27 0:40 / /state/machines/srv-1/root rw shared:5 - overlay test-srv-1 rw,lowerdir=/a',
    '31 30 0:41 / /state/machines/srv-1/root/with\\040space rw - tmpfs tmpfs rw',
    '32 27 0:42 / /state/machines/srv-10/root rw - overlay test-srv-10 rw',
    '',
  ].join('\n')
  it('are read with their names', () => {
    expect(parseMounts(text)[1]).toEqual({ point: '/state/machines/srv-1/root', type: 'overlay', source: 'test-srv-1' })
  })
  it('below a directory come innermost first, and not those of its neighbours', () => {
    const points = parseMounts(text).map(({ point }) => point)
    expect(mountsBelow(points, '/state/machines/srv-1')).toEqual([
      '/state/machines/srv-1/root/with space',
      '/state/machines/srv-1/root',
    ])
  })
})

describe('processes', () => {
  const fields = (state: string) => `7 (a) b (c)) ${state} 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 0 0`
  it('are told apart by their start', () => expect(parseStat(7, fields('S'))).toEqual({ pid: 7, startTicks: '123456' }))
  it.each(['Z', 'X'])('in state %s count as gone', (state) => expect(parseStat(7, fields(state))).toBeUndefined())
  it('are alive only as themselves', async () => {
    const own = await findProcess(process.pid)
    expect(own && (await isAlive(own))).toBe(true)
    expect(await isAlive({ pid: process.pid, startTicks: '1' })).toBe(false)
    expect(await findProcess(2 ** 30)).toBeUndefined()
  })
})

describe('control groups', () => {
  const make = async (...paths: readonly string[]) => {
    const root = await mkdtemp(join(tmpdir(), 'localcloud-groups-'))
    for (const path of paths) await mkdir(join(root, path), { recursive: true })
    return root
  }
  it('are found in every hierarchy of version 1, and in the only one of version 2', async () => {
    const root = await make('memory', 'unified')
    expect(await hierarchies(root)).toEqual([join(root, 'memory'), join(root, 'unified')])
    await writeFile(join(root, 'cgroup.procs'), '')
    expect(await hierarchies(root)).toEqual([root])
    await rm(root, { recursive: true })
  })
  it('are removed from the inside', async () => {
    const root = await make('t/kubepods/pod1', 't/system.slice')
    expect(await groupsBelow(join(root, 't'))).toEqual(
      ['t/kubepods/pod1', 't/kubepods', 't/system.slice', 't'].map((path) => join(root, path)),
    )
    expect(await groupsBelow(join(root, 'none'))).toEqual([])
    await rm(root, { recursive: true })
  })
})

describe('what ip tells', () => {
  it('is read as links with their IPv4 addresses', () => {
    const json = JSON.stringify([
      {},
      {
        ifname: 'lo',
        flags: ['LOOPBACK', 'UP'],
        addr_info: [
          { family: 'inet', local: '127.0.0.1', prefixlen: 8 },
          { family: 'inet6', local: '::1', prefixlen: 128 },
        ],
      },
    ])
    expect(parseLinks(json)).toEqual([{ name: 'lo', up: true, addresses: ['127.0.0.1/8'] }])
  })
  it('is read as routes', () => {
    const json = '[{"dst":"default","gateway":"10.0.0.1","dev":"eth0","flags":[]},{"dst":"10.0.0.0/8","dev":"eth1"}]'
    expect(parseRoutes(json)).toEqual([
      { destination: 'default', via: '10.0.0.1', device: 'eth0' },
      { destination: '10.0.0.0/8', via: '', device: 'eth1' },
    ])
    expect(parseRoutes('')).toEqual([])
  })
})

describe('identityFiles', () => {
  const files = (serverId: string) =>
    new Map(
      identityFiles({
        instance: 'test',
        serverId,
        name: 'one',
        privateAddress: '10.0.0.2',
        nameServer: '198.18.0.1',
      }).map(({ path, content }) => [path, content]),
    )
  it('name the machine', () => {
    expect(files('srv-1').get('/etc/hostname')).toBe('one\n')
    expect(files('srv-1').get('/etc/hosts')).toContain('10.0.0.2 one\n')
    expect(files('srv-1').get('/etc/resolv.conf')).toContain('nameserver 198.18.0.1\n')
  })
  it('tell cloud-init to ask this cloud and no other, in lines that ds-identify can read', () => {
    const settings = files('srv-1').get('/etc/cloud/cloud.cfg.d/95-local-cloud.cfg') ?? ''
    expect(settings.split('\n')[0]).toBe('datasource_list: [NoCloud]')
    expect(settings).toContain('seedfrom: http://169.254.169.254/nocloud/\n')
    expect(settings).toContain('network: {config: disabled}\n')
  })
  it('keep cloud-init from waiting for leases, and from networks that it cannot find, where OpenStack is imitated', () => {
    const identity = {
      instance: 'test',
      serverId: 's',
      name: 'one',
      privateAddress: '10.0.0.2',
      nameServer: '198.18.0.1',
    }
    const leases = (datasource?: 'Ec2' | 'OpenStack') =>
      identityFiles({ ...identity, datasource }).find(({ path }) => path === '/etc/dhcp/dhclient.conf')?.content
    expect(leases('OpenStack')).toBe('timeout 1;\n')
    expect([leases('Ec2'), leases()]).toEqual([undefined, undefined])
    const settings = identityFiles({ ...identity, datasource: 'OpenStack' }).map(({ content }) => content)
    expect(settings.join()).toContain('    apply_network_config: false\n')
  })
  it.each(['Ec2', 'OpenStack'] as const)(
    'tell cloud-init to ask for nothing but %s where that is imitated',
    (datasource) => {
      const identity = {
        instance: 'test',
        serverId: 's',
        name: 'one',
        privateAddress: '10.0.0.2',
        nameServer: '1.1.1.1',
      }
      const settings = identityFiles({ ...identity, datasource }).find(({ path }) =>
        path.endsWith('95-local-cloud.cfg'),
      )
      expect(settings?.content.split('\n')[0]).toBe(`datasource_list: [${datasource}]`)
      expect(settings?.content).toContain('metadata_urls: [http://169.254.169.254]')
      expect(settings?.content).toContain('network: {config: disabled}\n')
    },
  )
  it('give each machine an id of its own', () => {
    expect(files('srv-1').get('/etc/machine-id')).toMatch(/^[0-9a-f]{32}\n$/)
    expect(files('srv-1').get('/etc/machine-id')).not.toBe(files('srv-2').get('/etc/machine-id'))
  })
})
