import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, keyOf } from '@trellis/distribution/store/cache'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { chooseFreePorts, folders, type Layout, pathOf } from './layout.ts'
import { createProcesses } from './processes.ts'
import { configureGlance, installGlance } from './services/glance.ts'
import { configureKeystone, installKeystone } from './services/keystone.ts'
import { configureMariadb, createDatabases, installMariadb, startMariadb } from './services/mariadb.ts'
import { configureNeutron, installNeutron } from './services/neutron.ts'
import { configureNova, installNova } from './services/nova.ts'
import { configurePlacement, installPlacement } from './services/placement.ts'
import { configureRabbitmq } from './services/rabbitmq.ts'

/** What making and keeping first data needs. */
export interface FirstDataPorts {
  readonly clock: Clock
  readonly runner: CommandRunner
  readonly cache: Cache
}

/** Sources that decide what the databases hold. */
const recipes = ['first-data.ts', 'services/keystone.ts', 'services/mariadb.ts', 'services/nova.ts', 'layout.ts']

/**
 * Puts databases with all tables and a first user, and Keystone's keys, into a layout. They are made once for each content of the lock file and of the sources, which takes
 * a minute, and copied from then on.
 */
export async function provideFirstData(ports: FirstDataPorts, layout: Layout, lockFile: string): Promise<void> {
  const { cache, runner } = ports
  const files = [lockFile, ...recipes.map((name) => join(import.meta.dirname, name))]
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  const version = await runOrThrow(runner, 'mariadbd', ['--version'])
  const key = keyOf('openstack-first-data', [...texts, version, layout.environment])
  const entry = await cache.obtain('openstack-first-data', key, async (content) => {
    await makeFirstData(ports, layout.environment, layout.password, content)
    return 'build'
  })
  await cache.prune('openstack-first-data', 2, (directory) => directory.includes(key))
  for (const folder of ['database', 'keys'] as const) {
    await cp(join(entry.directory, folder), pathOf(layout, folder), { recursive: true, force: true })
  }
}

/** Makes the folders of a layout, and every configuration file. */
export async function configureAll(layout: Layout): Promise<void> {
  for (const folder of folders) await mkdir(pathOf(layout, folder), { recursive: true, mode: 0o700 })
  for (const folder of ['nova', 'neutron', 'locks', 'glance-staging', 'glance-tasks']) {
    await mkdir(pathOf(layout, 'state', folder), { recursive: true })
  }
  await configureMariadb(layout)
  await configureRabbitmq(layout)
  await configureKeystone(layout)
  await configurePlacement(layout)
  await configureGlance(layout)
  await configureNeutron(layout)
  await configureNova(layout)
}

async function makeFirstData(
  { clock, runner }: FirstDataPorts,
  environment: string,
  password: string,
  content: string,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'trellis-openstack-'))
  try {
    const layout = { root, environment, password, ports: await chooseFreePorts() }
    await configureAll(layout)
    {
      await using processes = createProcesses(layout, clock)
      await installMariadb(layout, processes)
      await startMariadb(layout, processes, runner)
      await createDatabases(layout, runner)
      // Two at a time: each is bound by one core.
      await Promise.all([
        installNeutron(layout, processes).then(() => installPlacement(layout, processes)),
        installKeystone(layout, processes)
          .then(() => installGlance(layout, processes))
          .then(() => installNova(layout, processes)),
      ])
    }
    for (const folder of ['database', 'keys'] as const) {
      await cp(pathOf(layout, folder), join(content, folder), { recursive: true })
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
