import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { readListVariable } from '@trellis/foundation/testing/list-variable'
import { type Configuration, parseConfiguration } from '../src/configuration.ts'
import { startCloud } from '../src/launch.ts'
import { namespaceOf, type Places, placesOf } from '../src/names.ts'
import { waitUntil } from '../src/processes.ts'
import { teardown } from '../src/teardown.ts'

/** Name of the environment variable that lists the layers of the machine image for tests. */
const deadlineMilliseconds = 60_000

/** One answer of the API. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of any shape
  readonly body: any
}

/** A cloud of a test's own: instance name, directories and public range are its alone. */
export interface CloudHarness extends AsyncDisposable {
  readonly configuration: Configuration
  readonly places: Places
  readonly clock: ReturnType<typeof createSystemClock>
  readonly runner: ReturnType<typeof createCommandRunner>
  call(method: string, path: string, body?: unknown): Promise<Answer>
  /** Runs a program inside a server and returns what it wrote; throws when it fails. */
  exec(serverId: string, ...command: readonly string[]): Promise<string>
  /** Waits until the condition holds. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>
  /** Everything on this host that bears this cloud's name: namespaces, interfaces, mounts, control groups, processes. */
  traces(): Promise<readonly string[]>
}

/** Starts a cloud with the machine image named by the environment, plus a layer that points cloud-init at the metadata service. */
export async function startCloudHarness(flags: readonly string[] = []): Promise<CloudHarness> {
  const [clock, runner, random] = [createSystemClock(), createCommandRunner(), createSystemRandom()]
  const directory = await mkdtemp(join(tmpdir(), 'localcloud-'))
  const instance = `tlt${random.text(6)}`
  const { configuration } = parseConfiguration(
    [
      '--instance',
      instance,
      '--state',
      join(directory, 'state'),
      '--run',
      join(directory, 'run'),
      '--public-range',
      `198.19.${random.integer(128)}.0/24`,
      ...flags,
    ],
    {},
  )
  const places = placesOf(configuration.stateDirectory, configuration.runDirectory)
  await writeImages(places, directory)
  await startCloud({ clock, runner }, configuration)
  return {
    configuration,
    places,
    clock,
    runner,
    call: (method, path, body) => call(places.socketPath, method, path, body),
    exec: (serverId, ...command) =>
      runOrThrow(runner, 'runc', ['--root', places.runcRoot, 'exec', namespaceOf(instance, serverId), ...command]),
    until: (what, condition) => waitUntil(clock, what, deadlineMilliseconds, condition),
    traces: async () => {
      const read = async (program: string, ...args: readonly string[]) => {
        const text = await runOrThrow(runner, program, args)
        return text.split('\n').filter((line) => line.includes(instance) || line.includes(directory))
      }
      return [
        ...(await read('ip', 'netns', 'list')),
        ...(await read('ip', '-o', 'link', 'show')),
        ...(await read('cat', '/proc/self/mountinfo')),
        ...(await read('find', '/sys/fs/cgroup', '-maxdepth', '2', '-type', 'd')),
        ...(await read('ps', '-eo', 'args')),
      ]
    },
    [Symbol.asyncDispose]: async () => {
      await teardown({ clock, runner }, configuration)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function writeImages(places: Places, directory: string): Promise<void> {
  const layer = join(directory, 'layer')
  await mkdir(join(layer, 'etc/cloud/cloud.cfg.d'), { recursive: true })
  // Where the metadata is, the cloud itself tells.
  const settings = {
    cloud_init_modules: ['write-files'],
    cloud_config_modules: ['runcmd'],
    cloud_final_modules: ['scripts-user'],
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  const content = ['datasource_list: [NoCloud, Ec2]', ...lines, ''].join('\n')
  await writeFile(join(layer, 'etc/cloud/cloud.cfg.d/90-test.cfg'), content)
  await mkdir(places.stateDirectory, { recursive: true })
  const images = [{ name: 'machine', layers: [...machineLayers(), layer] }]
  await writeFile(places.imagesFile, JSON.stringify({ images }))
}

function machineLayers(): readonly string[] {
  return readListVariable(process.env, 'TRELLIS_MACHINE_IMAGE', 'the layers of a machine image', '/path/to/rootfs')
}

function call(socketPath: string, method: string, path: string, body: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path }, (incoming) => {
      let text = ''
      incoming.on('data', (chunk: Buffer) => {
        text += chunk
      })
      incoming.on('end', () => {
        const isJson = incoming.headers['content-type'] === 'application/json'
        resolve({ status: incoming.statusCode ?? 0, text, body: isJson ? JSON.parse(text) : undefined })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
