import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectoryOf } from '@trellis/distribution/cache-directory'
import { createCache } from '@trellis/distribution/store/cache'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository } from '../architecture/sources.ts'
import { debianProgram } from '../debian-program.ts'

const files = join(repository, 'charts/cluster-bootstrap/files')
const rules = join(files, 'vpn-rules.yaml')
const runner = createCommandRunner()
let directory: string
let promtool: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rules-'))
  const random = createSystemRandom()
  const cache = createCache(createSystemClock(), random, runner, cacheDirectoryOf(process.env))
  const ports = { cache, runner, signal: AbortSignal.timeout(100_000), tell: () => {} }
  const wish = { name: 'promtool', package: 'prometheus', path: 'usr/bin/promtool', alone: true }
  promtool = (await debianProgram(ports, wish)).program
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function run(args: readonly string[], content?: object): Promise<string> {
  const path = join(directory, 'input.json')
  // JSON is YAML too.
  if (content !== undefined) await writeFile(path, JSON.stringify(content))
  const { code, stdout, stderr } = await runner.run(promtool, [...args, ...(content === undefined ? [] : [path])])
  return code === 0 ? '' : stdout + stderr
}

// One sample in 15 s for 25 minutes. Trouble begins after ten.
const end = `{namespace="shoot--local--first",pod="kube-apiserver-0"}`
const link = `{namespace="shoot--local--first",pod="kube-apiserver-0",link="wg-0",peer="vpn-shoot-0"}`
const door = `{namespace="trellis-system",pod="front-door-0"}`
const of = (labels: string, more: string) => labels.replace('}', `,${more}}`)
const healthy: Readonly<Record<string, string>> = {
  [`trellis_vpn_tunnel_up${end}`]: '1x100',
  [`trellis_vpn_switches_total${end}`]: '3x100',
  [`trellis_vpn_wireguard_restarts_total${end}`]: '0x100',
  [`trellis_vpn_link_up${link}`]: '1x100',
  [`trellis_vpn_link_last_handshake_timestamp_seconds${link}`]: '-60+15x100',
  [`trellis_vpn_link_loss_ratio${link}`]: '0x100',
  [`trellis_vpn_link_round_trip_seconds${link}`]: '0.02x100',
  [`trellis_vpn_link_mtu_bytes${link}`]: '1420x100',
  [`trellis_vpn_link_transport${of(link, 'transport="udp"')}`]: '1x100',
  [`trellis_vpn_link_transport${of(link, 'transport="tls"')}`]: '0x100',
  [`trellis_vpn_connect_failed_total${of(end, 'reason="forbidden"')}`]: '0+9x100',
  [`trellis_vpn_connect_failed_total${of(end, 'reason="timeout"')}`]: '0x100',
  [`trellis_vpn_connect_certificate_expiry_timestamp_seconds${end}`]: '7776000x100',
  [`trellis_vpn_connect_certificate_reloads_total${of(end, 'result="refused"')}`]: '0x100',
  [`trellis_front_door_dropped_packets_total${of(door, 'reason="network-limit"')}`]: '0x100',
  [`trellis_front_door_dropped_packets_total${of(door, 'reason="unknown-key"')}`]: '0+900x100',
  [`trellis_front_door_destinations${of(door, 'sort="tunnels"')}`]: '200x100',
  [`trellis_front_door_destinations${of(door, 'sort="refused"')}`]: '0x100',
  [`trellis_front_door_connections_total${of(door, 'result="unreachable"')}`]: '0x100',
}

/** Alert, series, its values from the beginning, and when it must have fired. */
const troubles: readonly (readonly [string, string, string, string])[] = [
  ['TrellisVpnTunnelDown', `trellis_vpn_tunnel_up${end}`, '1x40 0x60', '12m'],
  ['TrellisVpnLinkDown', `trellis_vpn_link_up${link}`, '1x40 0x60', '12m'],
  ['TrellisVpnHandshakeOld', `trellis_vpn_link_last_handshake_timestamp_seconds${link}`, '0+15x40 600x60', '14m'],
  ['TrellisVpnLossy', `trellis_vpn_link_loss_ratio${link}`, '0x40 0.2x60', '12m'],
  ['TrellisVpnSlow', `trellis_vpn_link_round_trip_seconds${link}`, '0.02x40 0.5x60', '12m'],
  ['TrellisVpnMtuSmall', `trellis_vpn_link_mtu_bytes${link}`, '1420x40 1200x60', '12m'],
  ['TrellisVpnOnFallback', `trellis_vpn_link_transport${of(link, 'transport="tls"')}`, '0x40 1x60', '21m'],
  ['TrellisVpnUnsteady', `trellis_vpn_switches_total${end}`, '3x40 3+2x60', '12m'],
  ['TrellisVpnUnsteady', `trellis_vpn_wireguard_restarts_total${end}`, '0x40 0+1x60', '12m'],
  ['TrellisVpnConnectFailing', `trellis_vpn_connect_failed_total${of(end, 'reason="timeout"')}`, '0x40 0+1x60', '12m'],
  [
    'TrellisVpnCertificateExpiring',
    `trellis_vpn_connect_certificate_expiry_timestamp_seconds${end}`,
    '7776000x40 800000x60',
    '12m',
  ],
  [
    'TrellisVpnCertificateRefused',
    `trellis_vpn_connect_certificate_reloads_total${of(end, 'result="refused"')}`,
    '0x40 1x60',
    '12m',
  ],
  [
    'TrellisFrontDoorLimiting',
    `trellis_front_door_dropped_packets_total${of(door, 'reason="network-limit"')}`,
    '0x40 0+60x60',
    '12m',
  ],
  ['TrellisFrontDoorDisputed', `trellis_front_door_destinations${of(door, 'sort="refused"')}`, '0x40 1x60', '12m'],
  [
    'TrellisFrontDoorServerUnreachable',
    `trellis_front_door_connections_total${of(door, 'result="unreachable"')}`,
    '0x40 0+2x60',
    '12m',
  ],
]

/** What must be firing at some moments of a story. */
function story(series: Readonly<Record<string, string>>, firing: Readonly<Record<string, readonly string[]>>) {
  return {
    rule_files: [rules],
    evaluation_interval: '15s',
    tests: [
      {
        interval: '15s',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: Object.entries(firing).map(([moment, alerts]) => ({
          expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: moment,
          exp_samples: alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
        })),
      },
    ],
  }
}

describe('the alerts', () => {
  it('are rules that Prometheus takes', async () => {
    expect(await run(['check', 'rules', rules])).toBe('')
  })

  it('keep quiet while all is well', async () => {
    expect(await run(['test', 'rules'], story(healthy, { '5m': [], '15m': [], '25m': [] }))).toBe('')
  })

  it.each(troubles)('%s fires in time, and alone: %s', async (alert, series, values, moment) => {
    expect(healthy).toHaveProperty([series])
    const told = story({ ...healthy, [series]: values }, { '9m45s': [], [moment]: [alert] })
    expect(await run(['test', 'rules'], told)).toBe('')
  })

  it('are each seen to fire', async () => {
    const names = [...(await readFile(rules, 'utf8')).matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    expect([...new Set(troubles.map(([alert]) => alert))].sort()).toEqual(names.sort())
  })
})

describe('the dashboard', () => {
  it('asks questions that Prometheus understands', async () => {
    const text = await readFile(join(files, 'vpn-dashboard.json'), 'utf8')
    const { panels } = JSON.parse(text) as { panels: readonly { targets?: readonly { expr: string }[] }[] }
    const questions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    const record = questions.map((expr, index) => ({
      record: `question:${index}`,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(namespace|pod)/g, '.*'),
    }))
    expect(questions.length).toBeGreaterThan(15)
    expect(await run(['check', 'rules'], { groups: [{ name: 'dashboard', rules: record }] })).toBe('')
  })
})
