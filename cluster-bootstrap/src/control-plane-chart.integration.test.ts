import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { blueprintOf, exampleGrowth } from '../testing/example-clouds.ts'
import { renderChart } from '../testing/render-chart.ts'
import { createShootWorld, exampleChartState, exampleImages } from '../testing/shoot-world.ts'
import { awsCloud } from './clouds/aws/cloud.ts'
import type { ShootCloud } from './clouds/cloud.ts'
import { gcpCloud } from './clouds/gcp/cloud.ts'
import { localCloud } from './clouds/local.ts'
import { openstackCloud } from './clouds/openstack/cloud.ts'
import { relayPort, relayTargetPort } from './shoot/tunnel-ports.ts'
import { addOnValues } from './tasks/add-ons.ts'
import { controlPlaneValues } from './tasks/control-plane.ts'
import { frontDoorService } from './tasks/front-door.ts'

const { blueprint } = createShootWorld().services
const state = exampleChartState
const render = (chart: string, values: unknown) => renderChart(chart, 'somewhere', values)

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
        render(
          'shoot-addons',
          addOnValues({ ...blueprint, tunnelReplicas: 2, apiServerReplicas }, exampleImages, state),
        ),
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
