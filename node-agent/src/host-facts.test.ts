import { describe, expect, it } from 'vitest'
import {
  parseContainer,
  parseDefaultInterface,
  parseInitialUserNamespace,
  parseLocalHostname,
  parseMemoryLimit,
  parseSysResource,
  parseTotalMemory,
  parseUptimeMilliseconds,
} from './host-facts.ts'

describe('parseContainer', () => {
  it.each([
    ['an environment that names the manager', 'PATH=/bin\0container=trellis\0', undefined, true],
    ["systemd's own mark", 'PATH=/bin\0', 'lxc\n', true],
    ['an ordinary machine', 'PATH=/bin\0TERM=linux\0', undefined, false],
    ['a variable that only ends alike', 'mycontainer=x\0', undefined, false],
    ['an empty variable', 'container=\0', undefined, false],
  ])('%s', (_, environment, mark, expected) => {
    expect(parseContainer(environment, mark)).toBe(expected)
  })
})

describe('parseSysResource', () => {
  it.each([
    ['full set', 'CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n', true],
    ['full set without it', 'CapBnd:\t000001fffeffffff\n', false],
    ['nothing told', '', false],
  ])('%s', (_, status, expected) => {
    expect(parseSysResource(status)).toBe(expected)
  })
})

describe('parseInitialUserNamespace', () => {
  it.each([
    ['         0          0 4294967295\n', true],
    ['         0     100000      65536\n', false],
    ['', false],
  ])('%j', (map, expected) => {
    expect(parseInitialUserNamespace(map)).toBe(expected)
  })
})

describe('memory', () => {
  it('reads what the kernel claims', () => {
    expect(parseTotalMemory('MemTotal:       24684112 kB\nMemFree: 1 kB\n')).toBe(24684112 * 1024)
  })

  it.each([
    ['cgroup v2 without limit', 'max\n', undefined],
    ['cgroup v1 without limit', '9223372036854771712\n', undefined],
    ['a limit', '2147483648\n', 2147483648],
    ['no such file', undefined, undefined],
  ])('%s', (_, limit, expected) => {
    expect(parseMemoryLimit(limit, 8 * 2 ** 30)).toBe(expected)
  })
})

describe('parseDefaultInterface', () => {
  const heading = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n'
  const route = (name: string, destination: string, metric: number, mask: string) =>
    `${name}\t${destination}\t0100000A\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`

  it('takes the default route with the lowest metric', () => {
    const routes = `${heading}${route('eth1', '00000000', 200, '00000000')}${route('eth0', '00000000', 100, '00000000')}`
    expect(parseDefaultInterface(routes)).toBe('eth0')
  })

  it('does not take 0.0.0.0/1 for a default route', () => {
    expect(parseDefaultInterface(heading + route('tun0', '00000000', 0, '00000080'))).toBeUndefined()
  })

  it('finds nothing while the network is not up', () => {
    expect(parseDefaultInterface(heading)).toBeUndefined()
  })
})

it('tells the age of a machine by its first process, not by its kernel', () => {
  const stat = '1 (sys (temd) x) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 360000 1000 200'
  expect(parseUptimeMilliseconds(stat, '3605.50 7000.00\n')).toBe(5_500)
})

describe('parseLocalHostname', () => {
  const told = (name: unknown) => JSON.stringify({ ds: { meta_data: { 'local-hostname': name } } })
  it.each([
    ['a name of a cloud', told('ip-10-0-0-1.eu-west-1.compute.internal'), 'ip-10-0-0-1.eu-west-1.compute.internal'],
    [
      'a name as EC2’s source tells it',
      '{"ds":{"meta-data":{"local-hostname":"ip-10-0-0-1.ec2.internal"}}}',
      'ip-10-0-0-1.ec2.internal',
    ],
    ['letters that no node may have', told('IP-10-0-0-1.Example'), 'ip-10-0-0-1.example'],
    ['no name at all', told(undefined), undefined],
    ['what is no name', told('a b'), undefined],
    ['another file', '{"v1":{}}', undefined],
    ['half a file', '{"ds":', undefined],
    ['no file', undefined, undefined],
  ])('%s', (_, data, expected) => {
    expect(parseLocalHostname(data)).toBe(expected)
  })
})
