import { databaseUrl, type Layout, pathOf, programOf } from '../layout.ts'
import type { Processes } from '../processes.ts'
import { tokenCheck, writeSettings } from '../settings.ts'

/** Images, as files. */
export async function configureGlance(layout: Layout): Promise<void> {
  await writeSettings(file(layout), {
    DEFAULT: {
      bind_host: '127.0.0.1',
      bind_port: layout.ports.glance,
      workers: 1,
      enabled_backends: 'file:file',
    },
    database: { connection: databaseUrl(layout, 'glance'), max_pool_size: 5 },
    glance_store: { default_backend: 'file' },
    file: { filesystem_store_datadir: pathOf(layout, 'images') },
    os_glance_staging_store: { filesystem_store_datadir: pathOf(layout, 'state', 'glance-staging') },
    os_glance_tasks_store: { filesystem_store_datadir: pathOf(layout, 'state', 'glance-tasks') },
    paste_deploy: { flavor: 'keystone', config_file: `${layout.environment}/etc/glance/glance-api-paste.ini` },
    oslo_concurrency: { lock_path: pathOf(layout, 'state', 'locks') },
    keystone_authtoken: tokenCheck(layout),
  })
}

/** Makes its tables. */
export async function installGlance(layout: Layout, processes: Processes): Promise<void> {
  await processes.run({
    name: 'glance-tables',
    program: programOf(layout, 'glance-manage'),
    args: ['--config-file', file(layout), 'db_sync'],
  })
}

/** Starts it. */
export function startGlance(layout: Layout, processes: Processes): void {
  processes.start({
    name: 'glance',
    program: programOf(layout, 'glance-api'),
    args: ['--config-file', file(layout)],
  })
}

function file(layout: Layout): string {
  return pathOf(layout, 'configuration', 'glance.conf')
}
