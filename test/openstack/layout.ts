import { createServer } from 'node:net'
import { join } from 'node:path'

/** What listens on a port of its own. */
const listeners = [
  'keystone',
  'placement',
  'glance',
  'neutron',
  'nova',
  'metadata',
  'rabbitmq',
  'epmd',
  'erlang',
  'cinder',
] as const
type Listener = (typeof listeners)[number]

/** Where one OpenStack of the tests lives. Everything listens on the loopback address only. */
export interface Layout {
  /** Root of all that it writes. */
  readonly root: string
  /** The virtual environment with the services. */
  readonly environment: string
  readonly ports: Readonly<Record<Listener, number>>
  /** Of the database, the queue and every user; nothing but this host's loopback address knows of it. */
  readonly password: string
}

/** The folders below the root. */
export const folders = ['configuration', 'database', 'keys', 'log', 'queue', 'state', 'images', 'temporary'] as const

/** A path below the root. */
export function pathOf(layout: Layout, folder: (typeof folders)[number], ...rest: readonly string[]): string {
  return join(layout.root, folder, ...rest)
}

/** A program of the virtual environment. */
export function programOf(layout: Layout, name: string): string {
  return join(layout.environment, 'bin', name)
}

/** The address that a service answers under. */
export function urlOf(layout: Layout, listener: Listener): string {
  return `http://127.0.0.1:${layout.ports[listener]}`
}

/** Keystone's address as users give it. */
export function authUrlOf(layout: Layout): string {
  return `${urlOf(layout, 'keystone')}/v3`
}

/** The database's socket; short, since Linux allows a path of 107 bytes. */
export function databaseSocket(layout: Layout): string {
  return join(layout.root, 'sql')
}

/** How a service reaches its database. */
export function databaseUrl(layout: Layout, name: string): string {
  return `mysql+pymysql://os:${layout.password}@localhost/${name}?unix_socket=${databaseSocket(layout)}&charset=utf8`
}

/** How a service reaches the queue. */
export function queueUrl(layout: Layout): string {
  return `rabbit://os:${layout.password}@127.0.0.1:${layout.ports.rabbitmq}/`
}

/** Ports that nothing listens on at present: taken all together, so that none comes twice. */
export async function chooseFreePorts(): Promise<Layout['ports']> {
  const servers = await Promise.all(listeners.map(listen))
  const chosen = servers.map(({ server, port }, index) => ({ server, entry: [listeners[index], port] as const }))
  await Promise.all(chosen.map(({ server }) => new Promise((resolve) => server.close(resolve))))
  return Object.fromEntries(chosen.map(({ entry }) => entry)) as Layout['ports']
}

async function listen() {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}
