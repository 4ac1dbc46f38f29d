import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSystemRandom, type Random } from '@trellis/foundation/random'
import { type ConnectedClient, createClient } from '../src/client.ts'
import { loadKubeconfig } from '../src/kubeconfig.ts'
import { findBinaries } from './binaries.ts'
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
  const port = await freePort()
  const url = `https://127.0.0.1:${port}`
  const start = () =>
    startProgram(clock, binaries.path('kube-apiserver'), [
      ...apiServerArguments(directory, port),
      ...(options.extraArguments ?? []),
    ])
  let apiServer = start()
  stack.defer(() => apiServer[Symbol.asyncDispose]())
  const certificateAuthority = await servingCertificate(clock, directory, [apiServer, etcd])
  const kubeconfig = kubeconfigText(url, certificateAuthority, token)
  const client = stack.use(
    createClient({ clock, kubeconfig: await loadKubeconfig({ text: kubeconfig }), userAgent: 'test/0' }),
  )
  await untilReady(clock, client, [apiServer, etcd])

  if (options.withControllerManager) {
    const file = join(directory, 'kubeconfig')
    await writeFile(file, kubeconfig)
    const arguments_ = managerArguments(directory, file)
    const manager = stack.use(startProgram(clock, binaries.path('kube-controller-manager'), arguments_))
    const account = { namespace: 'default', name: 'default' }
    await poll(clock, [manager, apiServer, etcd], () => client.find(serviceAccounts, account))
  }
  const startApiServer = async () => {
    apiServer = start()
    await untilReady(clock, client, [apiServer, etcd])
  }
  const stopApiServer = async () => {
    await apiServer[Symbol.asyncDispose]()
  }
  const owned = stack.move()
  return {
    client,
    kubeconfig,
    url,
    token,
    certificateAuthority,
    stopApiServer,
    startApiServer,
    compact: () => compactEtcd(join(directory, 'etcd.sock')),
    restartApiServer: async () => {
      await stopApiServer()
      await startApiServer()
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function writeKeys(directory: string, token: string): Promise<void> {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  await writeFile(join(directory, 'service-account.pub'), keys.publicKey)
  await writeFile(join(directory, 'service-account.key'), keys.privateKey, { mode: 0o600 })
  await writeFile(join(directory, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 })
}

/** Sockets in the test's directory instead of ports: nobody else can take them. */
function etcdArguments(directory: string): readonly string[] {
  const clients = `unix://${join(directory, 'etcd.sock')}`
  const peers = `unix://${join(directory, 'etcd-peer.sock')}`
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]
}

function apiServerArguments(directory: string, port: number): readonly string[] {
  return [
    `--etcd-servers=unix://${join(directory, 'etcd.sock')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(directory, 'serving')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(directory, 'service-account.pub')}`,
    `--service-account-signing-key-file=${join(directory, 'service-account.key')}`,
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
  ]
}

function managerArguments(directory: string, kubeconfig: string): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials=false',
    `--service-account-private-key-file=${join(directory, 'service-account.key')}`,
    '--controllers=*,-nodeipam',
  ]
}

function kubeconfigText(server: string, certificateAuthority: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    clusters: [
      {
        name: 'test',
        cluster: { server, 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') },
      },
    ],
    users: [{ name: 'admin', user: { token } }],
  })
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
