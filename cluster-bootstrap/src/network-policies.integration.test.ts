import { describe, expect, it } from 'vitest'
import { isAllowed, type NetworkPolicy, type Party } from '../testing/network-policies.ts'
import { type Manifest, renderChart } from '../testing/render-chart.ts'
import { createShootWorld, exampleImages } from '../testing/shoot-world.ts'
import { localCloud } from './clouds/local.ts'
import { addOnValues } from './tasks/add-ons.ts'
import { controlPlaneValues } from './tasks/control-plane.ts'

// The embedded cloud has nothing that enforces policies. What they mean is worked out here, for each port that the charts open.
const { blueprint } = createShootWorld().services
const namespace = 'shoot--local--first'
const frontDoor = '198.18.0.10'
const state = { frontDoor, checksum: 'abc', credentials: '1', cloud: localCloud }

/** A port that a pod of the charts listens on. */
interface Opening {
  readonly to: Party
  readonly protocol: string
  readonly port: number
}

async function controlPlane(httpConnect: boolean): Promise<readonly Manifest[]> {
  const values = controlPlaneValues(blueprint, exampleImages, state)
  const machines = { images: { 'machine-controller-manager': 'm:1' }, secretsChecksum: 'a' }
  return [
    ...(await renderChart('shoot-control-plane', namespace, {
      ...values,
      vpnSeed: { httpConnect: { enabled: httpConnect } },
    })),
    ...(await renderChart('machine-controller-manager', namespace, machines)),
  ]
}

function policiesOf(manifests: readonly Manifest[]): readonly NetworkPolicy[] {
  return manifests.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as readonly NetworkPolicy[]
}

/** The pods of a chart with all that they listen on. */
function openingsOf(manifests: readonly Manifest[], where: string): readonly Opening[] {
  const workloads = manifests.filter(({ spec }) => spec?.template !== undefined)
  return workloads.flatMap(({ metadata, spec }, index) => {
    const labels = spec?.template?.metadata?.labels ?? {}
    const to = { name: metadata.name, address: `10.1.0.${index + 10}`, labels, namespace: where }
    const ports = (spec?.template?.spec?.containers ?? []).flatMap((container) => container.ports ?? [])
    return ports.map(({ containerPort, protocol = 'TCP' }) => ({ to, protocol, port: containerPort }))
  })
}

const prometheus = {
  name: 'prometheus',
  address: '10.1.0.200',
  labels: { 'app.kubernetes.io/name': 'prometheus' },
  namespace: 'monitoring',
}
const strangers: readonly Party[] = [
  prometheus,
  { name: 'pod-elsewhere', address: '10.1.0.201', labels: { app: 'kube-apiserver' }, namespace: 'elsewhere' },
  { name: 'pod-beside', address: '10.1.0.202', labels: { app: 'other' }, namespace },
  { name: 'internet', address: '192.0.2.7' },
]

/** Everything that may begin among the pods and towards them: `from -> to protocol/port`. */
function reachable(policies: readonly NetworkPolicy[], openings: readonly Opening[]): readonly string[] {
  const pods = [...new Map(openings.map(({ to }) => [to.name, to])).values()]
  const shut = pods.map((to) => ({ to, protocol: 'TCP', port: 1 }))
  return [...openings, ...shut]
    .flatMap(({ to, protocol, port }) =>
      [...pods, ...strangers]
        .filter((from) => from.name !== to.name && isAllowed(policies, namespace, { from, to, protocol, port }))
        .map((from) => `${from.name} -> ${to.name} ${protocol}/${port}`),
    )
    .sort()
}

const outside: readonly (readonly [Party, string, number])[] = [
  [{ name: 'dns', address: '10.1.0.210', labels: { 'k8s-app': 'coredns' }, namespace: 'kube-system' }, 'UDP', 1053],
  [{ name: 'pod-elsewhere', address: '10.1.0.201', labels: { app: 'etcd' }, namespace: 'elsewhere' }, 'TCP', 2379],
  [{ name: 'internet', address: '203.0.113.9' }, 'TCP', 443],
  [{ name: 'internet', address: '203.0.113.9' }, 'TCP', 22],
  [{ name: 'local-cloud', address: '198.18.0.1' }, 'TCP', 8443],
  [{ name: 'seed-api', address: '10.0.0.5' }, 'TCP', 443],
  [{ name: 'metadata', address: '169.254.169.254' }, 'TCP', 80],
]

/** Everything outside that the pods of the charts may reach. */
function reached(policies: readonly NetworkPolicy[], openings: readonly Opening[]): readonly string[] {
  const pods = [...new Map(openings.map(({ to }) => [to.name, to])).values()]
  return pods
    .flatMap((from) =>
      outside
        .filter(([to, protocol, port]) => isAllowed(policies, namespace, { from, to, protocol, port }))
        .map(([to, protocol, port]) => `${from.name} -> ${to.name} ${protocol}/${port}`),
    )
    .sort()
}

const controllers = [
  'cloud-controller-manager',
  'kube-controller-manager',
  'kube-scheduler',
  'machine-controller-manager',
]
const metrics = [
  'prometheus -> cloud-controller-manager TCP/10258',
  'prometheus -> etcd TCP/2381',
  'prometheus -> kube-controller-manager TCP/10257',
  'prometheus -> kube-scheduler TCP/10259',
  'prometheus -> machine-controller-manager TCP/10258',
]
const api = [...controllers, ...strangers.map(({ name }) => name)].map((from) => `${from} -> kube-apiserver TCP/6443`)
// Those that may call clouds anywhere reach what is public of the tunnel as well.
const tunnel = (end: string) => [
  ...strangers.flatMap(({ name }) => ['UDP/51820', 'UDP/51821'].map((port) => `${name} -> ${end} ${port}`)),
  ...[...strangers.map(({ name }) => name), 'cloud-controller-manager', 'machine-controller-manager'].map(
    (from) => `${from} -> ${end} TCP/8443`,
  ),
]

describe('the policies of a control namespace', () => {
  it('let in what each port is for, and nothing else', async () => {
    const manifests = await controlPlane(false)
    expect(reachable(policiesOf(manifests), openingsOf(manifests, namespace))).toEqual(
      [
        ...api,
        ...metrics,
        ...tunnel('kube-apiserver'),
        'kube-apiserver -> etcd TCP/2379',
        'prometheus -> kube-apiserver TCP/9110',
      ].sort(),
    )
  })

  it('let the API server alone use http-connect', async () => {
    const manifests = await controlPlane(true)
    expect(reachable(policiesOf(manifests), openingsOf(manifests, namespace))).toEqual(
      [
        ...api,
        ...metrics,
        ...tunnel('vpn-seed'),
        'kube-apiserver -> etcd TCP/2379',
        'kube-apiserver -> vpn-seed TCP/9443',
        'prometheus -> vpn-seed TCP/9110',
        'prometheus -> vpn-seed TCP/9111',
      ].sort(),
    )
  })

  it.each([false, true])(
    'leave no port of the charts that nobody may reach (http-connect: %s)',
    async (httpConnect) => {
      const manifests = await controlPlane(httpConnect)
      const openings = openingsOf(manifests, namespace)
      const reached = reachable(policiesOf(manifests), openings).map((line) => line.replace(/.* -> /, ''))
      const open = openings.map(({ to, protocol, port }) => `${to.name} ${protocol}/${port}`)
      expect(open.length).toBeGreaterThan(8)
      expect(open.filter((one) => !reached.includes(one))).toEqual([])
    },
  )

  it('let out to DNS, to clouds who needs them, and the API server to webhooks in public', async () => {
    const manifests = await controlPlane(true)
    const cloud = [
      'internet TCP/22',
      'internet TCP/443',
      'local-cloud TCP/8443',
      'pod-elsewhere TCP/2379',
      'seed-api TCP/443',
    ]
    expect(reached(policiesOf(manifests), openingsOf(manifests, namespace))).toEqual(
      [
        ...[...controllers, 'etcd', 'kube-apiserver', 'vpn-seed'].map((from) => `${from} -> dns UDP/1053`),
        ...cloud.flatMap((to) => [`cloud-controller-manager -> ${to}`, `machine-controller-manager -> ${to}`]),
        'kube-apiserver -> internet TCP/443',
      ].sort(),
    )
  })

  it('select pods of the charts by labels that these have', async () => {
    for (const httpConnect of [false, true]) {
      const manifests = await controlPlane(httpConnect)
      const openings = openingsOf(manifests, namespace)
      for (const { metadata, spec } of policiesOf(manifests)) {
        const selects = { ...spec, policyTypes: ['Ingress'], ingress: [] } as NetworkPolicy['spec']
        const chosen = openings.filter(
          (opening) => !isAllowed([{ metadata, spec: selects }], namespace, { ...opening, from: prometheus }),
        )
        expect(chosen, `policy ${metadata.name} selects nothing`).not.toEqual([])
      }
    }
  })

  it('are left out on request', async () => {
    const values = { ...controlPlaneValues(blueprint, exampleImages, state), networkPolicies: { enabled: false } }
    expect(policiesOf(await renderChart('shoot-control-plane', namespace, values))).toEqual([])
  })
})

describe('the policy of vpn-shoot', () => {
  const addOns = () => {
    const more = { frontDoor, checksum: 'abc', metricsAuthority: 'PEM', dnsUpstream: undefined }
    return renderChart('shoot-addons', 'kube-system', addOnValues(blueprint, exampleImages, more))
  }

  it('lets in the monitoring alone, and out to the front door and the shoot', async () => {
    const manifests = await addOns()
    const policies = policiesOf(manifests)
    const openings = openingsOf(manifests, 'kube-system')
    const [end] = openings.filter(({ to }) => to.name === 'vpn-shoot')
    if (end === undefined) throw new RangeError('vpn-shoot opens a port')
    const enter = [...strangers, ...openings.map(({ to }) => to)].filter(
      (from) => from.name !== 'vpn-shoot' && isAllowed(policies, 'kube-system', { ...end, from }),
    )
    expect(enter.map(({ name }) => name)).toEqual(['prometheus'])
    const leaves = (address: string, protocol: string, port: number) =>
      isAllowed(policies, 'kube-system', { from: end.to, to: { name: address, address }, protocol, port })
    const { nodes, pods, services } = blueprint.networks
    const within = (network: string) => network.replace(/\d+\/.*/, '7')
    for (const network of [nodes, pods, services]) expect(leaves(within(network), 'TCP', 10250)).toBe(true)
    expect([leaves(frontDoor, 'UDP', 51820), leaves(frontDoor, 'TCP', 443), leaves(frontDoor, 'TCP', 6443)]).toEqual([
      true,
      true,
      true,
    ])
    expect([
      leaves('192.0.2.7', 'UDP', 51820),
      leaves('169.254.169.254', 'TCP', 80),
      leaves(frontDoor, 'TCP', 22),
    ]).toEqual([false, false, false])
  })
})
