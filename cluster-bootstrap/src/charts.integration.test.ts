import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { blueprintOf, exampleGrowth, exampleOutputs } from '../testing/example-clouds.ts'
import { exampleMachineValues } from '../testing/example-machines.ts'
import { chartsDirectory, helmProgram, renderChart } from '../testing/render-chart.ts'
import { createShootWorld, exampleImages } from '../testing/shoot-world.ts'
import { awsCloud } from './clouds/aws/cloud.ts'
import type { ShootCloud } from './clouds/cloud.ts'
import { gcpCloud } from './clouds/gcp/cloud.ts'
import { knownClouds } from './clouds/known-clouds.ts'
import { localCloud } from './clouds/local.ts'
import { openstackCloud } from './clouds/openstack/cloud.ts'
import { parseConfiguration } from './configuration.ts'
import { relayPort, relayTargetPort } from './shoot/tunnel-ports.ts'
import { addOnValues } from './tasks/add-ons.ts'
import { controlPlaneValues } from './tasks/control-plane.ts'
import { frontDoorService } from './tasks/front-door.ts'

const { blueprint } = createShootWorld().services
const state = {
  frontDoor: '198.18.0.10',
  checksum: 'abc',
  metricsAuthority: 'PEM',
  dnsUpstream: undefined,
  credentials: '1',
  cloud: localCloud,
}
const ours = { ...exampleImages, 'cluster-bootstrap': 'trellis.internal/cluster-bootstrap:1' }

interface ChartCase {
  readonly chart: string
  readonly values: Readonly<Record<string, unknown>>
  /** Values that leave out something needed. */
  readonly lacking: Readonly<Record<string, unknown>>
}

/** The chart of a cloud's machines with the values of its example. */
async function machineChart(cloud: ShootCloud): Promise<ChartCase> {
  const growth = await exampleGrowth(cloud.type)
  const values = exampleMachineValues(blueprintOf(growth), cloud, exampleOutputs[cloud.type] ?? {})
  return { chart: cloud.machineChart, values, lacking: { pools: [{ name: 'pool' }] } }
}

const charts: readonly ChartCase[] = [
  {
    chart: 'shoot-control-plane',
    values: controlPlaneValues(blueprint, exampleImages, state),
    lacking: controlPlaneValues(blueprint, { ...exampleImages, etcd: '' }, state),
  },
  {
    chart: 'shoot-control-plane',
    values: { ...controlPlaneValues(blueprint, exampleImages, state), vpnSeed: { httpConnect: { enabled: true } } },
    lacking: { ...controlPlaneValues(blueprint, exampleImages, state), vpnSeed: { httpConnect: { clientSecret: '' } } },
  },
  {
    chart: 'shoot-addons',
    values: addOnValues(blueprint, exampleImages, state),
    lacking: addOnValues(blueprint, {}, state),
  },
  {
    chart: 'machine-controller-manager',
    values: {
      images: { 'machine-controller-manager': 'm:1' },
      secretsChecksum: 'a',
      provider: 'AWS',
      endpoints: { iam: 'https://iam.example', ec2: 'https://ec2.example:5000' },
    },
    lacking: {},
  },
  ...(await Promise.all(knownClouds.map(machineChart))),
  { chart: 'front-door', values: { images: { 'front-door': 'f:1' }, replicas: 2 }, lacking: { replicas: 2 } },
  { chart: 'cluster-bootstrap', values: { images: ours, seed: { name: 'local' } }, lacking: { images: ours } },
  {
    chart: 'trellis',
    values: { images: ours, seed: { name: 'local' }, clusterName: 'garden', network: 'garden' },
    lacking: { images: ours, seed: { name: 'local' } },
  },
]

async function helm(verb: 'lint' | 'template', chart: string, values: unknown) {
  const place = join(chartsDirectory, chart)
  const args =
    verb === 'lint' ? ['lint', '--strict', place] : ['template', 'release', place, '--namespace', 'somewhere']
  return createCommandRunner().run(helmProgram(), [...args, '--values', '-'], { input: JSON.stringify(values) })
}

/** What containers cannot do without: whoever steers packets, and a program that carries its capability with it. */
const neededCapabilities: Readonly<Record<string, readonly string[]>> = {
  'vpn-seed': ['NET_ADMIN'],
  'vpn-shoot': ['NET_ADMIN'],
  'front-door': ['NET_ADMIN'],
  'kube-proxy': ['NET_ADMIN'],
  coredns: ['NET_BIND_SERVICE'],
}

const render = (chart: string, values: unknown) => renderChart(chart, 'somewhere', values)

describe.each(charts)('chart $chart', ({ chart, values, lacking }) => {
  it('passes lint with the values that we give it', async () => {
    const { code, stdout, stderr } = await helm('lint', chart, values)
    expect(code, stdout + stderr).toBe(0)
  })

  it('refuses a value that it does not know', async () => {
    const { code, stderr } = await helm('template', chart, { ...values, unheardOf: true })
    expect(code).not.toBe(0)
    expect(stderr).toContain('unheardOf')
  })

  it('refuses to do without what it needs', async () => {
    const { code, stderr } = await helm('template', chart, lacking)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/schema|lacks/)
  })

  it('lets no container gain rights, write its image or keep capabilities it does not need', async () => {
    for (const { kind, metadata, spec } of await render(chart, values)) {
      const pod = spec?.template?.spec
      for (const container of pod?.containers ?? []) {
        const what = `${kind} ${metadata.name}, container ${container.name}`
        const context = container.securityContext ?? {}
        expect(context, what).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
        expect(context.capabilities?.drop, what).toEqual(['ALL'])
        expect(context.privileged, what).toBeUndefined()
        expect(context.capabilities?.add ?? [], what).toEqual(neededCapabilities[container.name] ?? [])
        const user = context.runAsUser ?? pod?.securityContext?.runAsUser
        const mayBeRoot = ['vpn-seed', 'vpn-shoot', 'front-door', 'kube-proxy', 'etcd'].includes(container.name)
        if (!mayBeRoot) expect(user, what).toBe(65532)
      }
    }
  })

  it('names every image by reference and every request for resources', async () => {
    for (const { spec } of await render(chart, values)) {
      for (const container of spec?.template?.spec?.containers ?? []) {
        expect(container.image).toMatch(/:/)
        expect(container.resources?.requests).toHaveProperty('memory')
      }
    }
  })
})

describe('the umbrella', () => {
  it('hands the process a configuration that it accepts', async () => {
    for (const { chart, values } of charts.slice(-2)) {
      const manifests = await render(chart, { ...values, clusterBootstrap: { dnsUpstream: '' } })
      const text = manifests.find((one) => one.kind === 'ConfigMap')?.data?.['config.json'] ?? ''
      const configuration = parseConfiguration(JSON.parse(text))
      expect(configuration).toMatchObject({ namespace: 'somewhere', seedName: 'local', features: { dnsUpstream: '' } })
      expect(configuration.images).toEqual(ours)
    }
  })
})

describe('observability', () => {
  const everything = { dashboards: true, rules: true, prometheusRules: true }

  it.each(charts.slice(-2))('comes with $chart only when asked for', async ({ chart, values }) => {
    const names = async (more: object) =>
      (await render(chart, { ...values, ...more }))
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
        .filter((name) => /trellis-(dashboards|rules|vpn)$/.test(name))
    expect(await names({})).toEqual([])
    expect((await names({ observability: everything })).sort()).toEqual([
      'ConfigMap trellis-dashboards',
      'ConfigMap trellis-rules',
      'PrometheusRule trellis-vpn',
    ])
  })

  it('hands on the files unchanged, with the label that Grafana looks for', async () => {
    const [{ chart, values } = { chart: '', values: {} }] = charts.slice(-1)
    const manifests = await render(chart, { ...values, observability: everything })
    const dashboards = manifests.find(({ metadata }) => metadata.name === 'trellis-dashboards')
    expect(dashboards?.metadata.labels).toMatchObject({ grafana_dashboard: '1' })
    const file = (name: string) => readFile(join(chartsDirectory, 'cluster-bootstrap/files', name), 'utf8')
    expect(JSON.parse(dashboards?.data?.['trellis-vpn.json'] ?? '')).toEqual(
      JSON.parse(await file('vpn-dashboard.json')),
    )
    const rules = manifests.find(({ metadata }) => metadata.name === 'trellis-rules')
    expect(rules?.data?.['trellis-vpn.yaml']?.trim()).toBe((await file('vpn-rules.yaml')).trim())
  })
})

describe('OpenTofu', () => {
  const images = { ...ours, 'cluster-bootstrap-opentofu': 'trellis.internal/cluster-bootstrap-opentofu:1' }
  const rendered = async (chart: ChartCase, openTofu: object, more: object = { images }) => {
    const manifests = await render(chart.chart, { ...chart.values, ...more, clusterBootstrap: { openTofu } })
    const text = manifests.find((one) => one.kind === 'ConfigMap')?.data?.['config.json'] ?? ''
    const deployment = manifests.find((one) => one.kind === 'Deployment' && one.metadata.name === 'cluster-bootstrap')
    const [container] = deployment?.spec?.template?.spec?.containers ?? []
    return { image: container?.image, infrastructure: parseConfiguration(JSON.parse(text)).infrastructure }
  }
  const both = charts.slice(-2)

  it.each(both)('comes in $chart with its image, for new shoots or for those alone that it began', async (chart) => {
    const parts = {
      program: '/usr/local/bin/tofu',
      providersDirectory: '/opentofu/providers',
      modulesDirectory: '/opentofu/modules',
    }
    expect(await rendered(chart, { enabled: true })).toEqual({
      image: images['cluster-bootstrap-opentofu'],
      infrastructure: { engine: 'opentofu', ...parts },
    })
    expect(await rendered(chart, { enabled: true, forNewShoots: false })).toMatchObject({
      infrastructure: { engine: 'sdk' },
    })
    expect(await rendered(chart, { enabled: false })).toEqual({
      image: ours['cluster-bootstrap'],
      infrastructure: undefined,
    })
  })

  it.each(both)('is not enabled in $chart without its image', async (chart) => {
    await expect(rendered(chart, { enabled: true }, {})).rejects.toThrowError(
      /images.cluster-bootstrap-opentofu is needed/,
    )
  })
})

describe('machine classes', () => {
  it.each(knownClouds)('of $type are called as they always were, by what changes a server', async (cloud) => {
    const { chart, values } = await machineChart(cloud)
    const pools = values.pools as readonly { name: string; providerSpec: object; userData: string }[]
    const manifests = await render(chart, values)
    const classes = manifests.filter(({ kind }) => kind === 'MachineClass')
    expect(classes.map(({ provider }) => provider)).toEqual(pools.map(() => cloud.machineProvider))
    expect(classes.map(({ providerSpec }) => providerSpec)).toEqual(pools.map(({ providerSpec }) => providerSpec))
    // Helm's JSON sorts keys; the digest is over that and the user-data.
    const names = pools.map(({ name, providerSpec, userData }) => {
      const digest = createHash('sha256')
        .update(sortedJson(providerSpec) + userData)
        .digest('hex')
      return `${name}-${digest.slice(0, 5)}`
    })
    expect(classes.map(({ metadata }) => metadata.name)).toEqual(names)
  })
})

function sortedJson(value: object): string {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

describe('the machine controller', () => {
  it('is told which driver to load, and addresses only where the profile has some', async () => {
    const argsOf = async (values: object) => {
      const images = { 'machine-controller-manager': 'm:1' }
      const manifests = await render('machine-controller-manager', { images, ...values })
      return manifests.find(({ kind }) => kind === 'Deployment')?.spec?.template?.spec?.containers?.[0]?.args ?? []
    }
    const endpoints = { iam: 'https://iam.example', ec2: 'https://ec2.example:5000' }
    expect(await argsOf({ provider: 'AWS', endpoints })).toEqual(
      expect.arrayContaining([
        '--provider=AWS',
        '--cloud-endpoints=ec2=https://ec2.example:5000,iam=https://iam.example',
      ]),
    )
    expect((await argsOf({ endpoints: {} })).filter((arg) => arg.includes('endpoints'))).toEqual([])
  })
})

/** Ports of each pod that a selector means. */
function podsBehind(manifests: Awaited<ReturnType<typeof render>>, selector: Readonly<Record<string, string>>) {
  return manifests
    .flatMap(({ spec }) => (spec?.template === undefined ? [] : [spec.template]))
    .filter(({ metadata }) => Object.entries(selector).every(([key, value]) => metadata?.labels?.[key] === value))
    .map(({ spec }) => (spec?.containers ?? []).flatMap((container) => container.ports ?? []))
}

describe('two API servers', () => {
  const rendered = (apiServerReplicas: number, enabled = false) =>
    render('shoot-control-plane', {
      ...controlPlaneValues({ ...blueprint, tunnelReplicas: 2, apiServerReplicas }, exampleImages, state),
      vpnSeed: { httpConnect: { enabled } },
    })
  const deploymentsIn = (manifests: Awaited<ReturnType<typeof rendered>>, app: string) =>
    manifests.filter(({ kind, metadata }) => kind === 'Deployment' && metadata.labels?.app === app)

  it.each([
    ['kube-apiserver', false],
    ['kube-apiserver', true],
    ['vpn-seed', true],
  ])('are two Deployments %s, of which each has its own pod and keys (http-connect: %s)', async (app, enabled) => {
    const found = deploymentsIn(await rendered(2, enabled), app)
    expect(found.map(({ metadata }) => metadata.name)).toEqual([app, `${app}-1`])
    const labels = found.map(({ spec }) => spec?.template?.metadata?.labels ?? {})
    expect(labels.map((own) => own['trellis.internal/replica'])).toEqual([undefined, '1'])
    const secretsOf = found.map(({ spec }) =>
      (spec?.template?.spec?.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []),
    )
    const keys = secretsOf.map((names) => names.filter((name) => name.startsWith('vpn-seed')))
    if (app === 'vpn-seed' || !enabled) expect(keys).toEqual([['vpn-seed'], ['vpn-seed-1']])
    expect(JSON.stringify(found[1]?.spec)).toContain('podAntiAffinity')
  })

  it('take their time to stop, with the tunnel for as long', async () => {
    for (const { spec } of deploymentsIn(await rendered(2), 'kube-apiserver')) {
      const text = JSON.stringify(spec)
      expect(text).toContain('--shutdown-delay-duration=4s')
      expect(text).toContain('"preStop":{"sleep":{"seconds":12}}')
    }
  })

  it('leave nothing to be seen of them where there is one', async () => {
    const manifests = await rendered(1)
    expect(JSON.stringify(manifests)).not.toMatch(/shutdown-delay|preStop|podAntiAffinity|51828|PodDisruptionBudget/)
    expect(deploymentsIn(manifests, 'kube-apiserver')).toHaveLength(1)
  })

  it('change nothing of the pods in the shoot, whose policy lets them dial both', async () => {
    const [alone, both] = await Promise.all(
      [1, 2].map((apiServerReplicas) =>
        render('shoot-addons', addOnValues({ ...blueprint, tunnelReplicas: 2, apiServerReplicas }, ours, state)),
      ),
    )
    const workloads = (manifests = alone) => manifests?.filter(({ kind }) => kind === 'Deployment')
    expect(workloads(both)).toEqual(workloads(alone))
    expect(JSON.stringify(both)).toContain('51831')
    expect(JSON.stringify(alone)).not.toContain('51828')
  })
})

describe('http-connect', () => {
  const manifestsFor = (enabled: boolean) =>
    render('shoot-control-plane', {
      ...controlPlaneValues(blueprint, exampleImages, state),
      vpnSeed: { httpConnect: { enabled } },
    })
  const containersOf = (manifests: Awaited<ReturnType<typeof manifestsFor>>, name: string) =>
    manifests.find((one) => one.kind === 'Deployment' && one.metadata.name === name)?.spec?.template?.spec?.containers

  it('is left out unless told, and the tunnel ends beside the API server', async () => {
    const manifests = await manifestsFor(false)
    expect(containersOf(manifests, 'kube-apiserver')?.map(({ name }) => name)).toEqual(['kube-apiserver', 'vpn-seed'])
    expect(JSON.stringify(manifests)).not.toMatch(/egress-selector|http-connect/)
  })

  it('takes the tunnel out of the pod of the API server, which is told where it is', async () => {
    const manifests = await manifestsFor(true)
    expect(containersOf(manifests, 'vpn-seed')?.map(({ name }) => name)).toEqual(['vpn-seed', 'http-connect'])
    const connect = containersOf(manifests, 'vpn-seed')?.find(({ name }) => name === 'http-connect')
    // The image's own command leaves compilers out, for a program through which nothing passes.
    expect(connect?.command?.some((word) => word.startsWith('--no-'))).toBe(false)
    expect(connect?.command?.at(-1)).toBe('/app/vpn-seed.mjs')
    const [server, ...others] = containersOf(manifests, 'kube-apiserver') ?? []
    expect(others).toEqual([])
    const path = '/etc/kube-apiserver/egress-selector.yaml'
    expect(server?.command).toContain(`--egress-selector-config-file=${path}`)
    const file = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'kube-apiserver')
    const { tcp } = parse(file?.data?.['egress-selector.yaml'] ?? '').egressSelections[0].connection.transport
    expect(tcp.url).toBe('https://vpn-seed:9443')
    const mounts = server?.volumeMounts?.map(({ mountPath }) => mountPath) ?? []
    for (const place of Object.values<string>(tcp.tlsConfig)) expect(mounts).toContain(dirname(place))
  })

  it.each([true, false])('has each port of the front door lead to one pod: %s', async (enabled) => {
    const manifests = await manifestsFor(enabled)
    const { selector = {}, ports = [] } =
      frontDoorService(blueprint.technicalId, blueprint, { httpConnect: enabled }).spec ?? {}
    const found = podsBehind(manifests, selector).flat()
    for (const { targetPort, port, protocol } of ports) {
      const meant = found.filter((one) => [one.name, one.containerPort].includes(targetPort))
      // What comes in inside TLS has port 443 outside, which nobody may open without privileges.
      const inside = port === relayPort ? relayTargetPort : port
      expect(meant.map((one) => [one.containerPort, one.protocol ?? 'TCP'])).toEqual([[inside, protocol]])
    }
  })

  it('has each port of the front door lead to the pods that are meant, with two API servers', async () => {
    for (const enabled of [true, false]) {
      const size = { ...blueprint, tunnelReplicas: 2, apiServerReplicas: 2 }
      const manifests = await render('shoot-control-plane', {
        ...controlPlaneValues(size, exampleImages, state),
        vpnSeed: { httpConnect: { enabled } },
      })
      const { selector = {}, ports = [] } =
        frontDoorService(size.technicalId, size, { httpConnect: enabled }).spec ?? {}
      const behind = podsBehind(manifests, selector)
      const counts = ports.map(({ targetPort, name = '' }) => {
        const meant = behind.filter((all) => all.some((one) => [one.name, one.containerPort].includes(targetPort)))
        return [name.replace(/-\d+$/, ''), meant.length]
      })
      expect(counts.filter(([name]) => name === 'tunnel')).toEqual(Array.from({ length: 8 }, () => ['tunnel', 1]))
      expect(counts.filter(([name]) => name !== 'tunnel')).toEqual([
        ['api', 2],
        ['relay', 2],
      ])
    }
  })

  it.each(['192.0.2.1:51820', 'udp://192.0.2.1', '192.0.2.0/24'])(
    'takes no front door called %s, and names the value',
    async (tunnelDoor) => {
      for (const { chart, values } of charts.slice(-2)) {
        const { code, stderr } = await helm('template', chart, { ...values, clusterBootstrap: { tunnelDoor } })
        expect(code).not.toBe(0)
        expect(stderr).toContain('clusterBootstrap/tunnelDoor')
      }
    },
  )

  it('is switched on for all shoots of a seed', async () => {
    for (const { chart, values } of charts.slice(-2)) {
      const manifests = await render(chart, { ...values, clusterBootstrap: { httpConnect: true } })
      const text = manifests.find((one) => one.kind === 'ConfigMap')?.data?.['config.json'] ?? ''
      expect(parseConfiguration(JSON.parse(text)).features).toEqual({ httpConnect: true })
    }
    const values = controlPlaneValues(blueprint, exampleImages, { ...state, httpConnect: true })
    expect(values.vpnSeed).toEqual({ httpConnect: { enabled: true } })
  })
})

describe('the control plane', () => {
  const argsFor = async (cloud: ShootCloud): Promise<readonly string[] | undefined> => {
    const growth = await exampleGrowth(cloud.type)
    const values = controlPlaneValues(blueprintOf(growth), exampleImages, { ...state, cloud })
    const found = (await render('shoot-control-plane', values)).find(
      ({ metadata }) => metadata.name === 'cloud-controller-manager',
    )
    return found?.spec?.template?.spec?.containers?.[0]?.args?.filter((arg) => !/kubeconfig|cidr|port/.test(arg))
  }

  it('tells the cloud controller which cloud it is and what it needs there', async () => {
    expect(await argsFor(localCloud)).toEqual([
      '--cloud-provider=local',
      '--cloud-credentials=/etc/cloud-credentials',
      '--cluster-name=shoot--local--second',
      '--network=shoot--local--second',
      '--controllers=service,route',
    ])
    const endpoints = () => ({ sts: 'https://sts.example', ec2: 'https://ec2.example:5000' })
    expect(await argsFor({ ...awsCloud, endpoints })).toEqual([
      '--cloud-provider=aws',
      '--cloud-credentials=/etc/cloud-credentials',
      '--cloud-endpoints=ec2=https://ec2.example:5000,sts=https://sts.example',
      '--cluster-name=shoot--local--on-aws',
      '--region=eu-central-1',
      '--controllers=service,route',
    ])
    for (const [cloud, place] of [
      [openstackCloud, '--network=shoot--local--on-os'],
      [openstackCloud, '--load-balancer-provider=amphora'],
      [gcpCloud, '--network=shoot--local--on-gcp'],
    ] as const) {
      expect(await argsFor(cloud)).toEqual(expect.arrayContaining([`--cloud-provider=${cloud.type}`, place]))
    }
  })
})
