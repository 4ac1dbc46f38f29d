import { writeFile } from 'node:fs/promises'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { databaseSocket, type Layout, pathOf } from '../layout.ts'
import type { Processes } from '../processes.ts'
import { renderSettings } from '../settings.ts'

const databases = ['keystone', 'placement', 'glance', 'nova_api', 'nova', 'nova_cell0', 'neutron']

/** A server that keeps nothing safe and listens on a socket only: what is in it lasts as long as the tests. */
export async function configureMariadb(layout: Layout): Promise<void> {
  const mariadbd = {
    datadir: pathOf(layout, 'database'),
    socket: databaseSocket(layout),
    'pid-file': pathOf(layout, 'state', 'mariadb.pid'),
    tmpdir: pathOf(layout, 'temporary'),
    user: 'root',
    'skip-networking': 1,
    'skip-log-bin': 1,
    'skip-name-resolve': 1,
    performance_schema: 'off',
    max_connections: 300,
    innodb_buffer_pool_size: '64M',
    innodb_log_file_size: '32M',
    innodb_flush_log_at_trx_commit: 0,
    innodb_flush_method: 'nosync',
    innodb_doublewrite: 0,
  }
  await writeFile(pathOf(layout, 'configuration', 'mariadb.cnf'), renderSettings({ mariadbd }))
}

/** Makes the server's own tables in the empty folder of databases. */
export async function installMariadb(layout: Layout, processes: Processes): Promise<void> {
  await processes.run({
    name: 'mariadb-install',
    program: 'mariadb-install-db',
    args: [
      '--no-defaults',
      '--user=root',
      `--datadir=${pathOf(layout, 'database')}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
  })
}

/** Starts the server and waits until it answers. */
export async function startMariadb(layout: Layout, processes: Processes, runner: CommandRunner): Promise<void> {
  processes.start({
    name: 'mariadb',
    program: 'mariadbd',
    args: [`--defaults-file=${pathOf(layout, 'configuration', 'mariadb.cnf')}`],
  })
  await processes.until('MariaDB', async () => (await runner.run('mariadb', query(layout, 'select 1'))).code === 0)
}

/** Makes the services' databases and the user that they share. */
export async function createDatabases(layout: Layout, runner: CommandRunner): Promise<void> {
  const statements = [
    `CREATE USER os@localhost IDENTIFIED BY '${layout.password}'`,
    'GRANT ALL ON *.* TO os@localhost',
    ...databases.map((name) => `CREATE DATABASE ${name} CHARACTER SET utf8`),
  ]
  await runOrThrow(runner, 'mariadb', query(layout, statements.join('; ')))
}

function query(layout: Layout, statement: string): readonly string[] {
  return ['--no-defaults', '-S', databaseSocket(layout), '-u', 'root', '-e', statement]
}
