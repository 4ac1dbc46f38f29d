import { databaseUrl, type Layout, pathOf, programOf, queueUrl, urlOf } from '../layout.ts'
import type { Processes } from '../processes.ts'
import { region, serviceUser, tokenCheck, writeSettings } from '../settings.ts'

const services = ['nova-conductor', 'nova-scheduler', 'nova-api', 'nova-compute'] as const

/** Servers, on one host whose hypervisor is Nova's own double: everything is real but the guests. */
export async function configureNova(layout: Layout): Promise<void> {
  await writeSettings(file(layout), {
    DEFAULT: {
      host: 'test-bed',
      my_ip: '127.0.0.1',
      transport_url: queueUrl(layout),
      state_path: pathOf(layout, 'state', 'nova'),
      compute_driver: 'fake.FakeDriver',
      enabled_apis: 'osapi_compute,metadata',
      osapi_compute_listen: '127.0.0.1',
      osapi_compute_listen_port: layout.ports.nova,
      osapi_compute_workers: 1,
      metadata_listen: '127.0.0.1',
      metadata_listen_port: layout.ports.metadata,
      metadata_workers: 1,
      rpc_response_timeout: 60,
      update_resources_interval: 0,
    },
    api: { auth_strategy: 'keystone' },
    wsgi: { api_paste_config: `${layout.environment}/etc/nova/api-paste.ini` },
    api_database: { connection: databaseUrl(layout, 'nova_api'), max_pool_size: 5 },
    database: { connection: databaseUrl(layout, 'nova'), max_pool_size: 5 },
    conductor: { workers: 1 },
    scheduler: { workers: 1, discover_hosts_in_cells_interval: 5 },
    filter_scheduler: {
      available_filters: 'nova.scheduler.filters.all_filters',
      enabled_filters:
        'ComputeFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter',
    },
    glance: { api_servers: urlOf(layout, 'glance') },
    vnc: { enabled: false },
    oslo_concurrency: { lock_path: pathOf(layout, 'state', 'locks') },
    // Whoever asks for the metadata of a server proves with the secret that it may.
    neutron: {
      ...serviceUser(layout),
      service_metadata_proxy: true,
      metadata_proxy_shared_secret: layout.password,
    },
    placement: serviceUser(layout),
    service_user: { ...serviceUser(layout), send_service_user_token: true },
    keystone_authtoken: tokenCheck(layout),
    cinder: { os_region_name: region, catalog_info: 'volumev3::publicURL' },
  })
}

/** Makes its tables. The cell's addresses are templates that each start fills in. */
export async function installNova(layout: Layout, processes: Processes): Promise<void> {
  const database = (name: string) => `{scheme}://{username}:{password}@{hostname}/${name}?{query}`
  const steps = [
    ['api_db', 'sync'],
    ['cell_v2', 'map_cell0', '--database_connection', database('nova_cell0')],
    [
      'cell_v2',
      'create_cell',
      '--name',
      'cell1',
      '--database_connection',
      database('nova'),
      '--transport-url',
      '{scheme}://{username}:{password}@{hostname}:{port}/',
    ],
    ['db', 'sync'],
  ]
  for (const args of steps) {
    await processes.run({
      name: `nova-${args.slice(0, 2).join('-')}`,
      program: programOf(layout, 'nova-manage'),
      args: ['--config-file', file(layout), ...args],
    })
  }
}

/** Starts all of it. */
export function startNova(layout: Layout, processes: Processes): void {
  for (const name of services) {
    processes.start({ name, program: programOf(layout, name), args: ['--config-file', file(layout)] })
  }
}

function file(layout: Layout): string {
  return pathOf(layout, 'configuration', 'nova.conf')
}
