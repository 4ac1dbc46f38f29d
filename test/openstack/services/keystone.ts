import { databaseUrl, type Layout, pathOf, programOf } from '../layout.ts'
import type { Processes } from '../processes.ts'
import { region, writeSettings } from '../settings.ts'
import { startWebServer } from './web-server.ts'

/** Identity: users, tokens, the catalogue. */
export async function configureKeystone(layout: Layout): Promise<void> {
  await writeSettings(file(layout), {
    DEFAULT: { log_file: pathOf(layout, 'log', 'keystone-application.log'), max_token_size: 255 },
    database: { connection: databaseUrl(layout, 'keystone'), max_pool_size: 5 },
    token: { provider: 'fernet', expiration: 86400 },
    fernet_tokens: { key_repository: pathOf(layout, 'keys', 'tokens') },
    fernet_receipts: { key_repository: pathOf(layout, 'keys', 'tokens') },
    credential: { key_repository: pathOf(layout, 'keys', 'credentials') },
    cache: { enabled: true, backend: 'oslo_cache.dict' },
    // Passwords of a test need no protection; hashing them well would be most of its time.
    identity: { password_hash_rounds: 4 },
  })
}

/** Makes its tables, its keys and its first user; addresses in the catalogue come later, since ports differ from start to start. */
export async function installKeystone(layout: Layout, processes: Processes): Promise<void> {
  const owner = ['--keystone-user', 'root', '--keystone-group', 'root']
  const bootstrap = ['bootstrap', '--bootstrap-password', layout.password, '--bootstrap-region-id', region]
  for (const args of [['db_sync'], ['fernet_setup', ...owner], ['credential_setup', ...owner], bootstrap]) {
    await processes.run({
      name: `keystone-${args[0]}`,
      program: programOf(layout, 'keystone-manage'),
      args: ['--config-file', file(layout), ...args],
    })
  }
}

/** Starts it. */
export async function startKeystone(layout: Layout, processes: Processes): Promise<void> {
  await startWebServer(layout, processes, {
    name: 'keystone',
    application: 'keystone.server.wsgi:initialize_public_application()',
    environment: { OS_KEYSTONE_CONFIG_FILES: file(layout) },
  })
}

function file(layout: Layout): string {
  return pathOf(layout, 'configuration', 'keystone.conf')
}
