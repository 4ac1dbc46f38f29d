import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configMaps } from '@trellis/api/core/configuration'
import { pods } from '@trellis/api/core/pod'
import { podDisruptionBudgets } from '@trellis/api/core/workload'
import { joinReportName } from '@trellis/api/join-report'
import { machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import type { KubernetesObject, Resource } from '@trellis/api/meta'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { type ConnectedClient, createClient } from '@trellis/kubernetes/client'
import { loadKubeconfig } from '@trellis/kubernetes/kubeconfig'
import { runWithLease } from '@trellis/kubernetes/lease'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../testing/machine-cluster.ts'
import { podOn, startPodPlayer } from '../testing/pod-player.ts'
import { createRig, deploymentOf, plant, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

/** Rights that this test need not exercise, and what they are for. Whatever else a chart grants must be used here. */
const seldomUsed: readonly (readonly [RegExp, string])[] = [
  [/ (get|list)$/, 'informers read by watching, and list where a server cannot stream a list; reading once is no more'],
  [/^target .*(persistentvolume|volumeattachment)/, 'pods with volumes'],
  [/^target policy\/poddisruptionbudgets /, 'naming the budget that holds up a drain'],
  [/^target \/nodes\/status patch$/, 'virtual capacity, and conditions of nodes'],
  [/^target \/pods delete$/, 'evictions that took too long'],
  [/^target \/secrets update$/, 'renewing a bootstrap token'],
]

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly verbs: readonly string[]
}
interface Role extends KubernetesObject {
  readonly rules?: readonly Rule[]
}
interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly impersonatedUser?: { readonly username: string }
  readonly objectRef?: { readonly apiGroup?: string; readonly resource?: string; readonly subresource?: string }
  readonly annotations?: Readonly<Record<string, string>>
}

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' }
const roles: Resource<Role> = { ...rbac, kind: 'Role', plural: 'roles', namespaced: true }
const clusterRoles: Resource<Role> = { ...rbac, kind: 'ClusterRole', plural: 'clusterroles', namespaced: false }

/** What the chart of the add-ons wants to be told, whatever of it is shown. */
const addOnValues = [
  ...['kube-proxy', 'coredns', 'vpn-shoot'].map((image) => `images.${image}=example/${image}:1`),
  'apiServer.host=api.example',
  'networks.nodes=10.2.0.0/16',
  'networks.pods=10.0.0.0/16',
  'networks.services=10.1.0.0/16',
  'networks.clusterDns=10.1.0.10',
  'secretsChecksum=none',
]

const clock = createSystemClock()
const random = createSystemRandom()
const runner = createCommandRunner()
const charts = join(import.meta.dirname, '../../charts')
const namespace = 'rights'
const name = 'machine-controller-manager'
const targetUser = `trellis:${name}`
let cluster: MachineCluster
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mcm-rights-'))
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata' }],
  }
  await writeFile(join(directory, 'policy.json'), JSON.stringify(policy))
  cluster = await startMachineCluster({
    extraArguments: [
      `--audit-policy-file=${join(directory, 'policy.json')}`,
      `--audit-log-path=${join(directory, 'audit.log')}`,
      '--audit-log-mode=blocking',
    ],
  })
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfig, { mode: 0o600 })
  await cluster.namespace(namespace)
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

function run(program: 'helm' | 'kubectl', args: readonly string[], input?: string): Promise<string> {
  const environment = { KUBECONFIG: join(directory, 'kubeconfig') }
  const options = input === undefined ? { environment } : { environment, input }
  return runOrThrow(runner, join(process.env.KUBEBUILDER_ASSETS ?? '', program), args, options)
}

/** Gives a real API server the roles of a chart, exactly as they are rendered. */
async function grant(chart: string, template: string, into: string, values: readonly string[]): Promise<void> {
  const show = ['--show-only', `templates/${template}`, ...values.flatMap((value) => ['--set', value])]
  const text = await run('helm', ['template', chart, join(charts, chart), '--namespace', into, ...show])
  await run('kubectl', ['apply', '--namespace', into, '--filename=-'], text)
}

/** The manager's two clients: its service account in the cluster of machines, its user in the cluster that they join. */
async function limitedClients(): Promise<{ readonly control: ConnectedClient; readonly target: ConnectedClient }> {
  const admin = await loadKubeconfig({ text: cluster.kubeconfig })
  const token = (await run('kubectl', ['create', 'token', name, '--namespace', namespace])).trim()
  const connect = (user: typeof admin.user) =>
    createClient({ clock, kubeconfig: { ...admin, user }, userAgent: 'mcm/0' })
  return {
    control: connect({ token: { text: token } }),
    target: connect({ ...admin.user, impersonate: { user: targetUser, groups: [] } }),
  }
}

const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 200 })

/** Takes two machines through making, joining, draining and deleting. */
async function live(control: ConnectedClient, target: ConnectedClient): Promise<void> {
  const { client } = cluster
  const log = createSilentLog()
  await plant(client, namespace, deploymentOf(namespace, 'pool', 2))
  await using _player = startPodPlayer({ clock, random, client }, 'default', 300)
  await using rig = createRig({
    clock,
    random,
    control,
    target,
    kubelets: client,
    namespace,
    log,
    joinMilliseconds: 3000,
  })
  const phases = async () => (await rig.machines()).map(phaseOf)
  rig.start()
  await eventually(async () => expect(await phases()).toEqual(['Pending', 'Pending']))
  for (const { metadata } of await rig.machines()) {
    const key = { namespace: 'kube-system', name: joinReportName(metadata.name) }
    await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data: { report: '{}' } })
  }
  await eventually(async () => expect(await phases()).toEqual(['Running', 'Running']))
  const [machine] = await rig.machines()
  const node = machine?.metadata.labels?.node ?? ''
  await client.create(podDisruptionBudgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'default' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  })
  await client.create(pods, podOn('default', 'web-0', node, { app: 'web' }))
  await client.create(pods, podOn('default', 'batch-0', node))
  await client.delete(machines, { namespace, name: machine?.metadata.name ?? '' })
  await eventually(async () => expect((await client.list(pods, { namespace: 'default' })).items).toHaveLength(1))
  await client.delete(podDisruptionBudgets, { namespace: 'default', name: 'web' })
  await eventually(async () => expect((await client.list(pods, { namespace: 'default' })).items).toEqual([]))
  await eventually(async () => expect(await phases()).toEqual(['Running', 'Running']))
  await client.patch(
    machineDeployments,
    { namespace, name: 'pool' },
    { spec: { template: { metadata: { labels: { name: 'pool', generation: '2' } } } } },
    { type: 'merge' },
  )
  await eventually(async () => {
    const found = await rig.machines()
    expect(found.map((one) => one.metadata.labels?.generation)).toEqual(['2', '2'])
    expect(found.map(phaseOf)).toEqual(['Running', 'Running'])
  })
  await scale(client, namespace, 'pool', 0)
  await eventually(async () => expect(await phases()).toEqual([]))
  await client.delete(machineDeployments, { namespace, name: 'pool' })
  await eventually(async () =>
    expect(await client.find(machineDeployments, { namespace, name: 'pool' })).toBeUndefined(),
  )
}

/** What the two users asked for, as `<user> <group>/<resource> <verb>`, and whether they were refused. */
async function asked(): Promise<readonly { readonly what: string; readonly refused: boolean }[]> {
  const lines = (await readFile(join(directory, 'audit.log'), 'utf8')).split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => {
    const { user, impersonatedUser, verb, objectRef, annotations } = JSON.parse(line) as AuditEvent
    const who = impersonatedUser?.username ?? user.username
    const side =
      who === targetUser ? 'target' : who === `system:serviceaccount:${namespace}:${name}` ? 'control' : undefined
    if (side === undefined || objectRef?.resource === undefined) return []
    const resource = [objectRef.resource, objectRef.subresource].filter(Boolean).join('/')
    const refused = annotations?.['authorization.k8s.io/decision'] === 'forbid'
    return [{ what: `${side} ${objectRef.apiGroup ?? ''}/${resource} ${verb}`, refused }]
  })
}

async function granted(): Promise<ReadonlySet<string>> {
  const found = [
    ['control', await cluster.client.get(roles, { namespace, name })],
    ['target', await cluster.client.get(clusterRoles, { name: targetUser })],
    ['target', await cluster.client.get(roles, { namespace: 'kube-system', name: targetUser })],
  ] as const
  const each = ({ apiGroups = [], resources = [], verbs }: Rule) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`)))
  return new Set(found.flatMap(([side, { rules = [] }]) => rules.flatMap(each).map((right) => `${side} ${right}`)))
}

it('the charts give the manager every right that it needs, and none that it does not', async () => {
  await grant('machine-controller-manager', 'rbac.yaml', namespace, [`images.${name}=example/mcm:1`])
  await grant('shoot-addons', 'rbac-controllers.yaml', 'kube-system', addOnValues)
  const clients = await limitedClients()
  using control = clients.control
  using target = clients.target
  await runWithLease({
    client: control,
    clock,
    random,
    log: createSilentLog(),
    namespace,
    name,
    identity: 'mcm-0',
    signal: new AbortController().signal,
    work: () => live(control, target),
  })
  const requests = await asked()
  expect([...new Set(requests.filter(({ refused }) => refused).map(({ what }) => what))]).toEqual([])
  const used = new Set(requests.map(({ what }) => what))
  const unused = [...(await granted())].filter((right) => !used.has(right)).sort()
  expect(unused.filter((right) => !seldomUsed.some(([pattern]) => pattern.test(right)))).toEqual([])
  await expect(target.list(configMaps, { namespace: 'default' })).rejects.toMatchObject({ kind: 'Forbidden' })
  await expect(control.list(machines)).rejects.toMatchObject({ kind: 'Forbidden' })
})
