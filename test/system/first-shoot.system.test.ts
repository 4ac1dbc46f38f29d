import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCertificateMaker } from '@trellis/certificates/authority'
import { createCloudClient } from '@trellis/cloudprovider/local/client'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner, runOrThrow } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clusters, controlNamespace, createClusters } from './support/clusters.ts'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { eventually, prepareInstallation, type TestInstallation } from './support/installation.ts'
import { agnhostImage, agnhostPod, denyingWebhook, webServer } from './support/objects.ts'
import { killProgram } from './support/processes.ts'
import { shootLike } from './support/shoots.ts'
import {
  type Answers,
  apiServerPods,
  keepAsking,
  setHighAvailability,
  settledApiServers,
  tunnelEnd,
} from './support/tunnel-ends.ts'

const name = 'systest'
const highAvailability = 'alpha.control-plane.shoot.gardener.cloud/high-availability-vpn'
const runner = createCommandRunner()
const clock = createSystemClock()
const image = agnhostImage(JSON.parse(process.env.TRELLIS_IMAGES ?? '{}') as Record<string, string>)

let before: HostSnapshot
let installation: TestInstallation
let clusters: Clusters

beforeAll(async () => {
  before = await takeHostSnapshot(runner, name)
  installation = await prepareInstallation(name, '198.19')
  clusters = createClusters(installation)
  await installation.must(['up'])
})

afterAll(async () => {
  await installation[Symbol.asyncDispose]()
  const after = await takeHostSnapshot(runner, name)
  expect(compareSnapshots(before, after)).toEqual([])
})

describe('the first shoot', () => {
  it('is ready and tells what that took', async () => {
    const status = JSON.parse(await installation.must(['status', '-o', 'json'])) as {
      ready: boolean
      seconds: number
      rssMiB: number
      tasks: readonly { id: string; state: string; seconds: number | null; tries: number }[]
    }
    expect(status.ready).toBe(true)
    expect(status.seconds).toBeGreaterThan(0)
    expect(status.tasks.filter(({ state }) => state !== 'Succeeded')).toEqual([])
    expect(status.tasks.filter(({ seconds }) => seconds === null)).toEqual([])
    expect(status.rssMiB).toBeGreaterThan(500)
    expect(status.rssMiB).toBeLessThanOrEqual(2560)
  })

  it('has two ready nodes', async () => {
    expect(await clusters.readyNodes()).toHaveLength(2)
  })

  it('is left as it is when up runs again', async () => {
    const machines = await clusters.machines()
    await installation.must(['up'])
    expect(await clusters.machines()).toEqual(machines)
  })
})

describe('pods of the shoot', () => {
  beforeAll(async () => {
    await clusters.apply([...webServer(image, 2), agnhostPod('client', image, ['netexec', '--http-port=8080'])])
    await clusters.shoot(['rollout', 'status', 'deployment/web', '--timeout=120s'])
    await clusters.shoot(['wait', 'pod/client', '--for=condition=Ready', '--timeout=120s'])
  })

  it('run on different nodes', async () => {
    const nodes = await clusters.shoot(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}'])
    expect(new Set(nodes.trim().split(' ')).size).toBe(2)
  })

  it('reach each other by the name of a Service, across nodes, asked through the proxy of the API server', async () => {
    const dial =
      '/api/v1/namespaces/default/pods/client:8080/proxy/dial?host=web&port=80&protocol=http&request=hostname&tries=20'
    const { responses } = JSON.parse(await clusters.shoot(['get', '--raw', dial])) as { responses: readonly string[] }
    expect(new Set(responses).size).toBe(2)
    expect(responses).toHaveLength(20)
  })

  it('answer exec, with its exit code', async () => {
    expect(await clusters.shoot(['exec', 'client', '--', '/agnhost', '--version'])).toContain('version')
    expect((await installation.trellis(['kubectl', 'exec', 'client', '--', '/agnhost', 'no-such-command'])).code).toBe(
      1,
    )
  })

  it('stream logs and answer attach', async () => {
    const spoken = /(GET|PUT|POST) \/api/
    await clusters.apply([
      agnhostPod('talker', image, ['logs-generator', '--log-lines-total=600', '--run-duration=120s']),
    ])
    await clusters.shoot(['wait', 'pod/talker', '--for=condition=Ready', '--timeout=60s'])
    const heard = (count: number) => (lines: readonly string[]) =>
      lines.filter((line) => spoken.test(line)).length >= count
    await clusters.follow(['kubectl', 'logs', '--follow', 'talker'], heard(20))
    await clusters.follow(['kubectl', 'attach', 'talker'], heard(3))
  })

  it('hand out a hundred thousand lines of log, again and again', async () => {
    const container = { name: 'lines', image, command: ['sh', '-c', 'seq 100000; exec sleep 3600'] }
    await clusters.apply([agnhostPod('lines', image, [], { containers: [container] })])
    await clusters.shoot(['wait', 'pod/lines', '--for=condition=Ready', '--timeout=60s'])
    const whole = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
    await eventually(30, async () => expect(await clusters.shoot(['logs', 'lines', '--tail=1'])).toBe('100000\n'))
    for (let count = 0; count < 5; count++) expect((await clusters.shoot(['logs', 'lines'])) === whole).toBe(true)
  })

  it('take 500 MB by copy, and give them back', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'trellis-copy-'))
    try {
      const file = join(directory, 'large')
      // Blocks that differ, so that one too few or too many shows.
      await runOrThrow(runner, 'sh', ['-c', 'seq -w 62500000 | head -c 500000000 > "$1"', 'sh', file])
      const startedAt = clock.now()
      await clusters.shoot(['cp', '--retries=0', file, 'client:/tmp/large'])
      await clusters.shoot(['cp', '--retries=0', 'client:/tmp/large', `${file}.back`])
      report({ copiedBytes: 1_000_000_000, seconds: (clock.now() - startedAt) / 1000 })
      expect((await runner.run('cmp', [file, `${file}.back`])).code).toBe(0)
      await clusters.shoot(['exec', 'client', '--', 'rm', '/tmp/large'])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  it('answer exec by the tunnel in a time that is told', async () => {
    const seconds: number[] = []
    for (let count = 0; count < 10; count++) {
      const startedAt = performance.now()
      await clusters.shoot(['exec', 'client', '--', 'true'])
      seconds.push((performance.now() - startedAt) / 1000)
    }
    report({ execSeconds: seconds.sort((a, b) => a - b)[5] })
  })

  it('can be forwarded to', async () => {
    const forwarding = (lines: readonly string[]): boolean =>
      lines.some((line) => line.includes('Forwarding from 127.0.0.1'))
    await clusters.follow(['kubectl', 'port-forward', 'deployment/web', ':8080'], forwarding, async (lines) => {
      const port = /127\.0\.0\.1:(\d+)/.exec(lines.join('\n'))?.[1]
      const response = await fetch(`http://127.0.0.1:${port}/hostname`)
      expect(await response.text()).toMatch(/^web-/)
    })
  })
})

describe('the API server reaches into the shoot', () => {
  it('asks a kubelet through the node proxy', async () => {
    const [node] = await clusters.readyNodes()
    expect(await clusters.shoot(['get', '--raw', `/api/v1/nodes/${node}/proxy/healthz`])).toBe('ok')
  })

  it('asks an admission webhook in a pod', async () => {
    const maker = createCertificateMaker({ clock, random: createSystemRandom() })
    const authority = await maker.createAuthority('webhook')
    const issued = await maker.issue(authority, {
      commonName: 'webhook',
      dnsNames: ['webhook.default.svc'],
      usages: ['server'],
    })
    await clusters.apply(denyingWebhook(image, { ...issued, authority: authority.certificate }))
    await clusters.shoot(['wait', 'pod/webhook', '--for=condition=Ready', '--timeout=60s'])
    const denied = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { generateName: 'denied-', labels: { webhook: 'deny' } },
    }
    await eventually(30, async () => {
      const result = await installation.trellis(['kubectl', 'create', '-f', '-'], JSON.stringify(denied))
      expect(result.stderr).toContain('this webhook denies all requests')
    })
    await clusters.shoot(['delete', 'validatingwebhookconfiguration', 'deny'])
  })

  it('serves an aggregated API from a pod', async () => {
    await eventually(120, async () => {
      const { items } = JSON.parse(await clusters.shoot(['get', '--raw', '/apis/metrics.k8s.io/v1beta1/nodes'])) as {
        items: readonly unknown[]
      }
      expect(items).toHaveLength(2)
    })
  })
})

describe('machines follow their deployment', () => {
  it('up to three', async () => {
    await clusters.scale(3)
    await eventually(120, async () => expect(await clusters.readyNodes()).toHaveLength(3))
  })

  it('down to one, and the pods move with all the time that they ask for', async () => {
    const lastWords = "jsonpath={.metadata.name} {.status.containerStatuses[0].state.terminated.exitCode}{'\\n'}"
    const ended = /^(web-\S+) (\d+)$/
    const moved = clusters.follow(['kubectl', 'get', 'pods', '-l', 'app=web', '--watch', '-o', lastWords], (lines) =>
      lines.some((line) => ended.test(line)),
    )
    await clusters.scale(1)
    const codes = (await moved).flatMap((line) => ended.exec(line)?.[2] ?? [])
    expect(codes).not.toEqual([])
    // A container that outlives its grace period ends with 137; one that was let end by itself with 0.
    expect(codes.filter((code) => code !== '0')).toEqual([])
    await eventually(180, async () => {
      expect(await clusters.machines()).toHaveLength(1)
      expect(JSON.parse(await clusters.shoot(['get', 'nodes', '-o', 'json'])).items).toHaveLength(1)
    })
    await clusters.shoot(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  })
})

describe('bad input', () => {
  it.each([
    ['an unknown field', { colour: 'red' }, /unknown field "spec\.colour"/],
    ['an unknown machine type', { machineType: 'huge' }, /spec\.provider\.workers\[0\]\.machine\.type: .*huge/],
    ['a version that is not offered', { version: '1.12.0' }, /spec\.kubernetes\.version: .*1\.12\.0/],
    ['networks that overlap', { pods: '10.250.0.0/17' }, /spec\.networking\.\w+: .*overlap/i],
  ])('%s is told once, and nothing is made', async (_what, change, message) => {
    const result = await installation.trellis(
      ['kubectl', '--garden', 'create', '--validate=strict', '-f', '-'],
      JSON.stringify(shootLike('bad', change)),
    )
    if (result.code !== 0) {
      expect(result.stderr).toMatch(message)
      return
    }
    await eventually(30, async () => {
      const { status } = JSON.parse(await clusters.garden(['get', 'shoot', 'bad', '-o', 'json']))
      expect(status.lastOperation.state).toBe('Failed')
      expect(status.lastErrors).toHaveLength(1)
      expect(status.lastErrors[0].description).toMatch(message)
      expect(status.lastErrors[0].codes).toEqual(['ERR_CONFIGURATION_PROBLEM'])
    })
    const namespaces = await installation.must(['kubectl', '--seed', 'get', 'namespaces', '-o', 'name'])
    expect(namespaces).not.toContain('shoot--local--bad')
    await clusters.garden(['annotate', 'shoot', 'bad', 'confirmation.gardener.cloud/deletion=true'])
    await clusters.garden(['delete', 'shoot', 'bad', '--timeout=60s'])
  })

  it('a machine deployment without its class says so, and recovers when it is put right', async () => {
    const deployment = JSON.parse(
      await clusters.control(['get', 'machinedeployment', await clusters.deployment(), '-o', 'json']),
    )
    const broken = structuredClone(deployment)
    broken.metadata = { name: 'broken', namespace: controlNamespace }
    broken.spec.replicas = 1
    broken.spec.selector.matchLabels = { name: 'broken' }
    broken.spec.template.metadata.labels = { name: 'broken' }
    broken.spec.template.spec.class.name = 'no-such-class'
    broken.status = undefined
    await clusters.control(['create', '-f', '-'], JSON.stringify(broken))
    await eventually(30, async () => {
      const { items } = JSON.parse(await clusters.control(['get', 'machines', '-l', 'name=broken', '-o', 'json']))
      expect(items).toHaveLength(1)
      expect(items[0].status.lastOperation.state).toBe('Failed')
      expect(items[0].status.lastOperation.description).toContain('no-such-class')
    })
    await clusters.control(['delete', 'machinedeployment', 'broken', '--timeout=60s'])
    await eventually(60, async () => expect(await clusters.machines()).toHaveLength(1))
  })
})

describe('killed processes', () => {
  it.each([
    'localcloud',
    'cluster-bootstrap',
    'mcm',
    'cloud-controller-manager',
    'vpn-seed',
    'vpn-shoot',
    'node-agent',
  ])('%s comes back, and everything goes on', async (program) => {
    const machines = await clusters.machines()
    expect(await killProgram(installation, program)).toBeGreaterThan(0)
    await eventually(90, async () => {
      expect(await killProgram(installation, program, 0)).toBeGreaterThan(0)
      const [node] = await clusters.readyNodes()
      expect(await clusters.shoot(['get', '--raw', `/api/v1/nodes/${node}/proxy/healthz`])).toBe('ok')
    })
    expect(await clusters.machines()).toEqual(machines)
  })

  it('leave a shoot that still scales', async () => {
    await clusters.scale(2)
    await eventually(120, async () => expect(await clusters.readyNodes()).toHaveLength(2))
    expect(await clusters.machines()).toHaveLength(2)
  })
})

describe('a tunnel with two ends in the shoot', () => {
  const status = async () => {
    const [pod = ''] = await apiServerPods(clusters)
    return tunnelEnd(clusters, pod)
  }
  const carrier = async () => (await status()).links.find(({ carries }) => carries)?.peer

  it('gets the second on request', async () => {
    await clusters.garden([
      ...['annotate', 'shoot', 'first', 'gardener.cloud/operation=reconcile'],
      `${highAvailability}=true`,
    ])
    await eventually(240, async () => {
      const { links, linksUp } = await status()
      expect([links.map(({ peer }) => peer).sort(), linksUp]).toEqual([['vpn-shoot-0', 'vpn-shoot-1'], 2])
    })
  })

  it('goes on by the one when the other is taken away', async () => {
    const before = await carrier()
    const replica = before?.slice(-1)
    const [node] = await clusters.readyNodes()
    const selector = `k8s-app=vpn-shoot,trellis.internal/replica=${replica}`
    await clusters.shoot(['--namespace', 'kube-system', 'delete', 'pod', '-l', selector, '--wait=false'])
    await eventually(20, async () => {
      expect(await carrier()).not.toBe(before)
      expect(await clusters.shoot(['get', '--raw', `/api/v1/nodes/${node}/proxy/healthz`])).toBe('ok')
    })
    await eventually(90, async () => expect((await status()).linksUp).toBe(2))
  })
})

describe('two API servers', () => {
  const exec = () => clusters.shoot(['exec', 'spoken-to', '--', 'true'])

  beforeAll(async () => {
    await clusters.garden(['annotate', '--overwrite', 'shoot', 'first', `${highAvailability}=true`])
    await clusters.apply([agnhostPod('spoken-to', image, ['pause'])])
    await clusters.shoot(['wait', 'pod/spoken-to', '--for=condition=Ready', '--timeout=60s'])
  })

  it('come on request, each joined with each end in the shoot', async () => {
    const answers = keepAsking(exec)
    await setHighAvailability(clusters, { failureTolerance: { type: 'node' } })
    await eventually(300, () => settledApiServers(clusters, 2))
    const { rssMiB } = JSON.parse(await installation.must(['status', '-o', 'json']))
    judge('becomeTwo', await answers(), { rssMiB })
  })

  it('stand in for each other when one is killed, whichever that is', async () => {
    for (const pod of await apiServerPods(clusters)) {
      const answers = keepAsking(exec)
      await clusters.control(['delete', 'pod', pod, '--wait=false'])
      await eventually(60, async () => expect(await apiServerPods(clusters)).not.toContain(pod))
      expect(await clusters.shoot(['logs', 'spoken-to'])).toContain('Paused')
      await eventually(120, () => settledApiServers(clusters, 2))
      judge('killed', await answers())
    }
  })

  it('become one again', async () => {
    const answers = keepAsking(exec)
    await setHighAvailability(clusters, null)
    await eventually(300, () => settledApiServers(clusters, 1))
    judge('becomeOne', await answers())
    const ports = await clusters.control(['get', 'service', 'kube-apiserver', '-o', 'jsonpath={.spec.ports[*].port}'])
    expect(ports.split(' ').map(Number)).toEqual([6443, 51820, 51821, 51822, 51823, 443])
    const secrets = await clusters.control(['get', 'secrets', '-o', 'name'])
    expect(secrets).not.toContain('vpn-seed-1')
  })

  /** What was on its way through an API server that ends may end with it; whoever asks again is answered. */
  function judge(what: string, answers: Answers, more: object = {}): void {
    report({ [what]: { ...answers, ...more } })
    expect(answers.asked).toBeGreaterThan(2)
    expect(answers.inARow, answers.failures.join()).toBeLessThanOrEqual(1)
  }
})

describe('deleting the shoot', () => {
  it('frees everything that was made for it', async () => {
    const startedAt = clock.now()
    await clusters.garden(['annotate', 'shoot', 'first', 'confirmation.gardener.cloud/deletion=true'])
    await clusters.garden(['delete', 'shoot', 'first', '--timeout=120s'])
    const seconds = (clock.now() - startedAt) / 1000
    const namespaces = await installation.must(['kubectl', '--seed', 'get', 'namespaces', '-o', 'name'])
    expect(namespaces).not.toContain(controlNamespace)
    using cloud = createCloudClient({ socketPath: installation.cloudSocket })
    const names = (items: readonly { readonly name: string }[]): readonly string[] => items.map((item) => item.name)
    expect(names(await cloud.listServers())).toEqual(['garden'])
    expect(names(await cloud.listNetworks())).toEqual(['garden'])
    expect(names(await cloud.listLoadBalancers())).toEqual(['garden'])
    report({ deletionSeconds: seconds })
  })
})

function report(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
