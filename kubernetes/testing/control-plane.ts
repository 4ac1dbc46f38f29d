import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSystemRandom, type Random } from '@trellis/foundation/random'
import { type ConnectedClient, createClient } from '../src/client.ts'
import { loadKubeconfig } from '../src/kubeconfig.ts'
import { findBinaries } from './binaries.ts'
import {
  apiServerArguments,
  etcdArguments,
  kubeconfigText,
  managerArguments,
  writeKeys,
} from './control-plane-arguments.ts'
import { compactEtcd } from './etcd.ts'
import { freePort } from './free-port.ts'
import { serviceAccounts } from './kinds.ts'
import { type RunningProgram, startProgram } from './program.ts'

/** What a test wants of its control plane. */
export interface TestControlPlaneOptions {
  readonly clock?: Clock
  readonly random?: Random
  /** More flags for kube-apiserver. */
  readonly extraArguments?: readonly string[]
  /** Starts kube-controller-manager as well: namespaces are then finalized, owned objects collected, service accounts made. */
  readonly withControllerManager?: boolean
  /** Controllers that it leaves out. */
  readonly withoutControllers?: readonly string[]
  /** Starts kube-apiserver on the port of its loopback address, for instance in a network namespace; the same port must lead to it here. */
  readonly launchApiServer?: (path: string, flags: readonly string[], port: number) => RunningProgram
}

/** A real etcd and kube-apiserver on loopback, of one test. Disposing ends them and removes every trace. */
export interface TestControlPlane extends AsyncDisposable {
  /** A client with every right. */
  readonly client: ConnectedClient
  /** The kubeconfig of that client, as text. */
  readonly kubeconfig: string
  readonly url: string
  /** Bearer token with every right, and the CA of the API server. */
  readonly token: string
  readonly certificateAuthority: string
  /** Kills the API server; its data stay in etcd. */
  stopApiServer(): Promise<void>
  /** Starts it again on the same port and waits until it is ready. */
  startApiServer(): Promise<void>
  restartApiServer(): Promise<void>
  /** Makes etcd forget all but the latest version of everything. */
  compact(): Promise<void>
}

/** An API server is ready in seconds; a loaded machine may need many. */
const readyTimeoutMilliseconds = 90_000
const pollMilliseconds = 50

/**
 * Starts a control plane of its own for one test or suite.
 * Throws `NotFound` with a remedy when `KUBEBUILDER_ASSETS` does not lead to the programs.
 */
export async function startTestControlPlane(options: TestControlPlaneOptions = {}): Promise<TestControlPlane> {
  const clock = options.clock ?? createSystemClock()
  const random = options.random ?? createSystemRandom()
  const needed = ['etcd', 'kube-apiserver', ...(options.withControllerManager ? ['kube-controller-manager'] : [])]
  const binaries = await findBinaries(process.env.KUBEBUILDER_ASSETS, needed)
  const directory = await mkdtemp(join(tmpdir(), 'kubernetes-test-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(directory, { recursive: true, force: true }))

  const token = random.text(32)
  await writeKeys(directory, token)
  const etcd = stack.use(startProgram(clock, binaries.path('etcd'), etcdArguments(directory)))
  const port = await freePort(random)
  const url = `https://127.0.0.1:${port}`
  const flags = [...apiServerArguments(directory, port), ...(options.extraArguments ?? [])]
  const launch = options.launchApiServer ?? ((path, args) => startProgram(clock, path, args))
  const start = () => launch(binaries.path('kube-apiserver'), flags, port)
  let apiServer = start()
  stack.defer(() => apiServer[Symbol.asyncDispose]())
  const certificateAuthority = await servingCertificate(clock, directory, [apiServer, etcd])
  const kubeconfig = kubeconfigText(url, certificateAuthority, token)
  const client = stack.use(await connect(clock, kubeconfig))
  await untilReady(clock, client, [apiServer, etcd])
  if (options.withControllerManager) {
    const file = join(directory, 'kubeconfig')
    await writeFile(file, kubeconfig, { mode: 0o600 })
    const flags = managerArguments(directory, file, options.withoutControllers ?? [])
    const manager = stack.use(startProgram(clock, binaries.path('kube-controller-manager'), flags))
    await untilManaged(clock, client, [manager, apiServer, etcd])
  }
  const startApiServer = async () => {
    apiServer = start()
    await untilReady(clock, client, [apiServer, etcd])
  }
  const stopApiServer = async () => {
    await apiServer[Symbol.asyncDispose]()
  }
  const restartApiServer = () => stopApiServer().then(startApiServer)
  const compact = () => compactEtcd(join(directory, 'etcd.sock'))
  const owned = stack.move()
  const given = { client, kubeconfig, url, token, certificateAuthority }
  const control = { stopApiServer, startApiServer, restartApiServer, compact }
  return { ...given, ...control, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function connect(clock: Clock, kubeconfig: string): Promise<ConnectedClient> {
  return createClient({ clock, kubeconfig: await loadKubeconfig({ text: kubeconfig }), userAgent: 'test/0' })
}

/** The API server makes its own certificate at its first start. */
async function servingCertificate(
  clock: Clock,
  directory: string,
  programs: readonly RunningProgram[],
): Promise<string> {
  return poll(clock, programs, async () => {
    const text = await readFile(join(directory, 'serving', 'apiserver.crt'), 'utf8')
    const complete = text.split('-----END CERTIFICATE-----').length > 2
    return complete ? text : undefined
  })
}

/** The controllers are at work once one of them has made the first service account. */
async function untilManaged(clock: Clock, client: ConnectedClient, programs: readonly RunningProgram[]): Promise<void> {
  await poll(clock, programs, () => client.find(serviceAccounts, { namespace: 'default', name: 'default' }))
}

async function untilReady(clock: Clock, client: ConnectedClient, programs: readonly RunningProgram[]): Promise<void> {
  await poll(clock, programs, () => client.request({ method: 'GET', path: '/readyz' }))
}

/** Asks until there is an answer. Ends early, with what it last said, when one of the programs has ended. */
async function poll<Value>(
  clock: Clock,
  programs: readonly RunningProgram[],
  ask: () => Promise<Value | undefined>,
): Promise<Value> {
  const end = clock.now() + readyTimeoutMilliseconds
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    const ended = programs.find((program) => program.hasEnded())
    if (ended !== undefined || clock.now() > end) {
      const said = programs.map((program) => program.lastWords()).join('\n')
      throw new Failure('Unavailable', `the test control plane did not start:\n${said}`)
    }
    await clock.sleep(pollMilliseconds)
  }
}
