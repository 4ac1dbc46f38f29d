import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { blueprintOf, exampleGrowth, exampleOutputs } from '../testing/example-clouds.ts'
import { exampleMachineValues } from '../testing/example-machines.ts'
import { chartsDirectory, helmProgram, renderChart } from '../testing/render-chart.ts'
import { createShootWorld, exampleChartState, exampleImages } from '../testing/shoot-world.ts'
import type { ShootCloud } from './clouds/cloud.ts'
import { knownClouds } from './clouds/known-clouds.ts'
import { parseConfiguration } from './configuration.ts'
import { addOnValues } from './tasks/add-ons.ts'
import { controlPlaneValues } from './tasks/control-plane.ts'

const { blueprint } = createShootWorld().services
const state = exampleChartState
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

describe('the ways of all tunnels of a seed', () => {
  it.each(['192.0.2.1:51820', 'udp://192.0.2.1', '192.0.2.0/24'])(
    'lead to no front door called %s, and the value is named',
    async (tunnelDoor) => {
      for (const { chart, values } of charts.slice(-2)) {
        const { code, stderr } = await helm('template', chart, { ...values, clusterBootstrap: { tunnelDoor } })
        expect(code).not.toBe(0)
        expect(stderr).toContain('clusterBootstrap/tunnelDoor')
      }
    },
  )

  it('go by http-connect where that is switched on', async () => {
    for (const { chart, values } of charts.slice(-2)) {
      const manifests = await render(chart, { ...values, clusterBootstrap: { httpConnect: true } })
      const text = manifests.find((one) => one.kind === 'ConfigMap')?.data?.['config.json'] ?? ''
      expect(parseConfiguration(JSON.parse(text)).features).toEqual({ httpConnect: true })
    }
    const values = controlPlaneValues(blueprint, exampleImages, { ...state, httpConnect: true })
    expect(values.vpnSeed).toEqual({ httpConnect: { enabled: true } })
  })
})
