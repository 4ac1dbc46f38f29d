import { writeFile } from 'node:fs/promises'
import { type Layout, pathOf } from '../layout.ts'
import { listens, type Processes } from '../processes.ts'

/** Where Debian keeps the program itself; the one on the PATH changes user first. */
const program = '/usr/lib/rabbitmq/bin/rabbitmq-server'

/** A queue on the loopback address with one user. */
export async function configureRabbitmq(layout: Layout): Promise<void> {
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${layout.ports.rabbitmq}`,
    'default_user = os',
    `default_pass = ${layout.password}`,
    'default_permissions.configure = .*',
    'default_permissions.read = .*',
    'default_permissions.write = .*',
    'log.console = true',
    'log.console.level = warning',
    'log.file = false',
    'vm_memory_high_watermark.absolute = 512MiB',
    'disk_free_limit.absolute = 50MB',
  ]
  await writeFile(pathOf(layout, 'configuration', 'rabbitmq.conf'), `${lines.join('\n')}\n`)
  await writeFile(pathOf(layout, 'configuration', 'rabbitmq-plugins'), '[].\n')
}

/** Starts Erlang's directory of names, which would else be shared with others on the host, and the queue. */
export function startRabbitmq(layout: Layout, processes: Processes): void {
  const names = { ERL_EPMD_ADDRESS: '127.0.0.1', ERL_EPMD_PORT: String(layout.ports.epmd) }
  processes.start({ name: 'epmd', program: 'epmd', args: [], environment: names })
  processes.start({
    name: 'rabbitmq',
    // Its program is a script that does not become the queue: in a namespace of processes of its own the one never outlives the other.
    program: 'unshare',
    args: ['--pid', '--fork', '--kill-child', '--', program],
    environment: {
      ...names,
      RABBITMQ_NODENAME: `trellis${layout.ports.rabbitmq}@localhost`,
      RABBITMQ_CONFIG_FILE: pathOf(layout, 'configuration', 'rabbitmq'),
      RABBITMQ_MNESIA_BASE: pathOf(layout, 'queue', 'mnesia'),
      RABBITMQ_LOG_BASE: pathOf(layout, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: pathOf(layout, 'configuration', 'rabbitmq-plugins'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_PID_FILE: pathOf(layout, 'state', 'rabbitmq.pid'),
      RABBITMQ_DIST_PORT: String(layout.ports.erlang),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        '-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none',
    },
  })
}

/** Waits until the queue answers. */
export async function untilRabbitmq(layout: Layout, processes: Processes): Promise<void> {
  await processes.until('RabbitMQ', () => listens(layout.ports.rabbitmq))
}
