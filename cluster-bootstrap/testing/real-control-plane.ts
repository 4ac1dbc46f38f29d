import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { secrets } from '@trellis/api/core/configuration'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { type Client, type ConnectedClient, createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { findBinaries } from '@trellis/kubernetes/testing/binaries'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { type RunningProgram, startProgram } from '@trellis/kubernetes/testing/program'
import { decodeSecret } from '../src/secrets/secret-store.ts'
import type { Manifest, ManifestVolume } from './render-chart.ts'

/** The programs of a rendered control plane, run as processes of this host with the flags and files that their pods would get. */
export interface RealControlPlane extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** The client that cluster-bootstrap itself would have. */
  readonly client: ConnectedClient
  /** Kubeconfig of that client. */
  readonly kubeconfig: string
  /** Contents of a Secret of the control namespace. */
  secret(name: string): Promise<Readonly<Record<string, string>>>
}

/** What is started, from what. */
export interface RealControlPlaneOptions {
  readonly clock: Clock
  /** Holds the Secrets of the control namespace. */
  readonly seed: Client
  readonly namespace: string
  readonly manifests: readonly Manifest[]
}

const readyTimeoutMilliseconds = 90_000

/** Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler. Throws what a program said when it ended early. */
export async function startRealControlPlane(options: RealControlPlaneOptions): Promise<RealControlPlane> {
  const { clock } = options
  const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']
  const binaries = await findBinaries(process.env.KUBEBUILDER_ASSETS, names)
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'trellis-control-plane-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const port = await freePort()
  const etcdPort = await freePort()
  const peerPort = await freePort()
  const metricsPort = await freePort()
  const places: readonly (readonly [string, string])[] = [
    ['https://kube-apiserver:6443', `https://127.0.0.1:${port}`],
    ['https://198.18.0.10:6443', `https://127.0.0.1:${port}`],
    ['--secure-port=6443', `--secure-port=${port}`],
    ['https://etcd:2379', `https://127.0.0.1:${etcdPort}`],
    ['https://0.0.0.0:2379', `https://127.0.0.1:${etcdPort}`],
    ['http://0.0.0.0:2381', `http://127.0.0.1:${metricsPort}`],
    ['http://127.0.0.1:2380', `http://127.0.0.1:${peerPort}`],
    ['/var/lib/etcd', join(directory, 'data')],
  ]
  const here = (text: string) => places.reduce((result, [from, to]) => result.replaceAll(from, to), text)

  const programs: RunningProgram[] = []
  for (const name of names) {
    const command = await layOut(options, join(directory, name), name, here)
    const more = name === 'kube-apiserver' || name === 'etcd' ? [] : ['--secure-port=0']
    programs.push(stack.use(startProgram(clock, binaries.path(name), [...command.slice(1), ...more])))
  }
  const secret = async (name: string) =>
    decodeSecret(await options.seed.get(secrets, { namespace: options.namespace, name }))
  const kubeconfig = here((await secret('kubeconfig-cluster-bootstrap')).kubeconfig ?? '')
  const client = stack.use(
    createClient({ clock, kubeconfig: await loadKubeconfig({ text: kubeconfig }), userAgent: 'test/0' }),
  )
  await untilReady(clock, client, programs)
  const owned = stack.move()
  return {
    port,
    url: `https://127.0.0.1:${port}`,
    client,
    kubeconfig,
    secret,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function untilReady(clock: Clock, client: Client, programs: readonly RunningProgram[]): Promise<void> {
  const end = clock.now() + readyTimeoutMilliseconds
  for (;;) {
    const answer = await client.request({ method: 'GET', path: '/readyz' }).catch((error: unknown) => error)
    if (!(answer instanceof Error)) return
    const said = programs.map((program) => program.lastWords()).join('\n')
    if (programs.slice(0, 2).some((program) => program.hasEnded()) || clock.now() > end) {
      throw new Failure('Unavailable', said, { cause: answer })
    }
    await clock.sleep(100)
  }
}

/** Writes the files that a pod would see and returns its command, with paths and addresses of this host. */
async function layOut(
  { manifests, seed, namespace }: RealControlPlaneOptions,
  directory: string,
  name: string,
  here: (text: string) => string,
): Promise<readonly string[]> {
  const workload = manifests.find((one) => one.metadata.name === name && one.spec?.template !== undefined)
  const pod = workload?.spec?.template?.spec
  const container = pod?.containers?.find((one) => one.name === name)
  if (pod === undefined || container?.command === undefined)
    throw new Failure('NotFound', `there is no workload ${name}`)
  let command = container.command.map(here)
  for (const mount of container.volumeMounts ?? []) {
    const volume = pod.volumes?.find((one) => one.name === mount.name)
    if (volume === undefined) continue
    const place = join(directory, mount.mountPath)
    const files = volume.configMap
      ? (manifests.find((one) => one.kind === 'ConfigMap' && one.metadata.name === volume.configMap?.name)?.data ?? {})
      : await secretFiles(seed, namespace, volume)
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(place, file)), { recursive: true })
      await writeFile(join(place, file), here(text), { mode: 0o600 })
    }
    command = command.map((argument) => argument.replaceAll(`${mount.mountPath}/`, `${place}/`))
  }
  return command
}

async function secretFiles(
  seed: Client,
  namespace: string,
  volume: ManifestVolume,
): Promise<Readonly<Record<string, string>>> {
  if (volume.secret === undefined) return {}
  const data = decodeSecret(await seed.get(secrets, { namespace, name: volume.secret.secretName }))
  const { items } = volume.secret
  if (items === undefined) return data
  return Object.fromEntries(items.map(({ key, path }) => [path, data[key] ?? '']))
}
