import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createSystemRandom } from '@trellis/foundation/random'
import { readListVariable } from '@trellis/foundation/testing/list-variable'
import { type CloudClient, createCloudClient } from '../src/client.ts'

/** Name of the environment variable that lists the layers of the machine image for tests. */
const program = join(import.meta.dirname, '../../../localcloud/src/main.ts')
const settleMilliseconds = 60_000

/** A local cloud of a test's own, as a daemon of its own. Disposing leaves no trace of it. */
export interface RealCloud extends AsyncDisposable {
  /** A client over the Unix socket. */
  readonly client: CloudClient
  /** Directory with `endpoint`, `token` and `ca.crt`, as a pod would have it. */
  readonly credentialsDirectory: string
  /** Makes a server of image `machine` and waits until it runs. */
  addServer(network: string, name: string): Promise<void>
  /** Deletes a server and waits until it is gone. */
  removeServer(name: string): Promise<void>
}

/** Starts the daemon. Needs root, and the layers of a machine image in the environment. */
export async function startRealCloud(): Promise<RealCloud> {
  const [clock, runner, random] = [createSystemClock(), createCommandRunner(), createSystemRandom()]
  const directory = await mkdtemp(join(tmpdir(), 'real-cloud-'))
  const [state, run] = [join(directory, 'state'), join(directory, 'run')]
  const flags = [
    `--instance=tcn${random.text(6)}`,
    `--state=${state}`,
    `--run=${run}`,
    `--public-range=198.19.${random.integer(256)}.0/24`,
  ]
  const command = (name: string) => runOrThrow(runner, process.execPath, [program, name, ...flags])
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  stack.defer(async () => void (await command('teardown')))
  await mkdir(join(state, 'localcloud'), { recursive: true })
  await writeFile(
    join(state, 'localcloud/images.json'),
    JSON.stringify({ images: [{ name: 'machine', layers: machineLayers() }] }),
  )
  await command('start')
  const client = stack.use(createCloudClient({ socketPath: join(run, 'localcloud.sock') }))
  const credentialsDirectory = await makeCredentialsDirectory(directory, join(state, 'localcloud/credentials'), client)
  const until = async (what: string, condition: () => Promise<boolean>) => {
    const end = clock.now() + settleMilliseconds
    while (!(await condition())) {
      if (clock.now() > end) throw new Failure('Unavailable', `${what} took too long`)
      await clock.sleep(50)
    }
  }
  const owned = stack.move()
  return {
    client,
    credentialsDirectory,
    addServer: async (network, name) => {
      const { id } = await client.createServer({ name, network, image: 'machine', flavor: 'small', userData: '' })
      await until(`making ${name}`, async () => (await client.getServer(id)).state === 'running')
    },
    removeServer: async (name) => {
      const servers = await client.listServers({ name })
      await Promise.all(servers.map(({ id }) => client.deleteServer(id)))
      await until(`deleting ${name}`, async () => (await client.listServers({ name })).length === 0)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The daemon's own files, and the endpoint beside them. */
async function makeCredentialsDirectory(directory: string, source: string, client: CloudClient): Promise<string> {
  const target = join(directory, 'credentials')
  await mkdir(target, { mode: 0o700 })
  const { endpoint } = await client.version()
  await writeFile(join(target, 'endpoint'), endpoint)
  for (const name of ['token', 'ca.crt']) {
    await writeFile(join(target, name), await readFile(join(source, name)), { mode: 0o600 })
  }
  return target
}

function machineLayers(): readonly string[] {
  return readListVariable(process.env, 'TRELLIS_MACHINE_IMAGE', 'the layers of a machine image', '/path/to/rootfs')
}
