import { writeFile } from 'node:fs/promises'
import { type Layout, pathOf, programOf } from '../layout.ts'
import type { Processes } from '../processes.ts'

/** A service that is a WSGI application. */
interface Application {
  readonly name: 'keystone' | 'placement'
  readonly application: string
  readonly environment: Readonly<Record<string, string>>
}

/** Serves it with one worker. The server's settings lie in a file: options on its command line would be read by the application as its own. */
export async function startWebServer(
  layout: Layout,
  processes: Processes,
  { name, application, environment }: Application,
): Promise<void> {
  const file = pathOf(layout, 'configuration', `${name}-server.py`)
  const settings = [
    `wsgi_app = "${application}"`,
    `bind = "127.0.0.1:${layout.ports[name]}"`,
    'workers = 1',
    'threads = 4',
    'timeout = 120',
    'worker_tmp_dir = "/dev/shm"',
    'keepalive = 15',
  ]
  await writeFile(file, `${settings.join('\n')}\n`)
  processes.start({
    name,
    program: programOf(layout, 'gunicorn'),
    args: [],
    environment: { ...environment, GUNICORN_CMD_ARGS: `-c ${file}` },
  })
}
