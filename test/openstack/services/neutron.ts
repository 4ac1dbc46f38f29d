import { databaseUrl, type Layout, pathOf, programOf, queueUrl } from '../layout.ts'
import type { Processes } from '../processes.ts'
import { serviceUser, tokenCheck, writeSettings } from '../settings.ts'

/** Networks. No agent runs: a mechanism driver of the tests binds every port, so no interface of this host is touched. */
export async function configureNeutron(layout: Layout): Promise<void> {
  await writeSettings(file(layout), {
    DEFAULT: {
      bind_host: '127.0.0.1',
      bind_port: layout.ports.neutron,
      host: 'test-bed',
      core_plugin: 'ml2',
      service_plugins: 'router',
      transport_url: queueUrl(layout),
      state_path: pathOf(layout, 'state', 'neutron'),
      api_paste_config: `${layout.environment}/etc/neutron/api-paste.ini`,
      api_workers: 1,
      rpc_workers: 0,
      rpc_state_report_workers: 0,
      dhcp_agent_notification: false,
      notify_nova_on_port_status_changes: true,
      notify_nova_on_port_data_changes: true,
    },
    database: { connection: databaseUrl(layout, 'neutron'), max_pool_size: 5 },
    oslo_concurrency: { lock_path: pathOf(layout, 'state', 'locks') },
    nova: { ...serviceUser(layout), endpoint_type: 'internal' },
    keystone_authtoken: tokenCheck(layout),
    ml2: {
      type_drivers: 'flat,local,vxlan',
      tenant_network_types: 'vxlan',
      mechanism_drivers: 'trellis_test_bed',
      extension_drivers: 'port_security',
    },
    ml2_type_flat: { flat_networks: '*' },
    ml2_type_vxlan: { vni_ranges: '1:1000' },
    securitygroup: { enable_security_group: true },
  })
}

/** Makes its tables. */
export async function installNeutron(layout: Layout, processes: Processes): Promise<void> {
  await processes.run({
    name: 'neutron-tables',
    program: programOf(layout, 'neutron-db-manage'),
    args: ['--config-file', file(layout), 'upgrade', 'head'],
  })
}

/** Starts it. */
export function startNeutron(layout: Layout, processes: Processes): void {
  processes.start({
    name: 'neutron',
    program: programOf(layout, 'neutron-server'),
    args: ['--config-file', file(layout)],
  })
}

function file(layout: Layout): string {
  return pathOf(layout, 'configuration', 'neutron.conf')
}
