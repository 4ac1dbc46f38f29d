import { databaseUrl, type Layout, pathOf, programOf } from '../layout.ts'
import type { Processes } from '../processes.ts'
import { tokenCheck, writeSettings } from '../settings.ts'
import { startWebServer } from './web-server.ts'

/** Placement: what each host has left. */
export async function configurePlacement(layout: Layout): Promise<void> {
  await writeSettings(pathOf(layout, 'configuration', 'placement.conf'), {
    DEFAULT: { log_file: pathOf(layout, 'log', 'placement-application.log') },
    api: { auth_strategy: 'keystone' },
    placement_database: { connection: databaseUrl(layout, 'placement'), max_pool_size: 5 },
    keystone_authtoken: tokenCheck(layout),
  })
}

/** Makes its tables. */
export async function installPlacement(layout: Layout, processes: Processes): Promise<void> {
  await processes.run({
    name: 'placement-tables',
    program: programOf(layout, 'placement-manage'),
    args: ['--config-file', pathOf(layout, 'configuration', 'placement.conf'), 'db', 'sync'],
  })
}

/** Starts it. */
export async function startPlacement(layout: Layout, processes: Processes): Promise<void> {
  await startWebServer(layout, processes, {
    name: 'placement',
    application: 'placement.wsgi:init_application()',
    environment: { OS_PLACEMENT_CONFIG_DIR: pathOf(layout, 'configuration') },
  })
}
