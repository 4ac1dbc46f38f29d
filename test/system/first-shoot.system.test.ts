import { createCertificateMaker } from '@trellis/certificates/authority'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareSnapshots, type HostSnapshot, takeHostSnapshot } from './support/host-snapshot.ts'
import { eventually, prepareInstallation, type TestInstallation } from './support/installation.ts'
import { agnhostImage, agnhostPod, asList, denyingWebhook, webServer } from './support/objects.ts'

const runner = createCommandRunner()
const image = agnhostImage(JSON.parse(process.env.TRELLIS_IMAGES ?? '{}') as Record<string, string>)
const controlNamespace = 'shoot--local--first'

let before: HostSnapshot
let installation: TestInstallation

/** kubectl against the shoot. */
const shoot = (args: readonly string[], input?: string): Promise<string> =>
  installation.must(['kubectl', ...args], input)
/** kubectl against the seed. */
const seed = (args: readonly string[], input?: string): Promise<string> =>
  installation.must(['kubectl', '--seed', ...args], input)

interface NodeLike {
  readonly metadata: { readonly name: string }
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] }
}

async function readyNodes(): Promise<readonly string[]> {
  const { items } = JSON.parse(await shoot(['get', 'nodes', '-o', 'json'])) as { items: readonly NodeLike[] }
  return items
    .filter(({ status }) => status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'))
    .map(({ metadata }) => metadata.name)
}

async function applyToShoot(objects: readonly object[]): Promise<void> {
  await shoot(['apply', '--server-side', '-f', '-'], asList(objects))
}

beforeAll(async () => {
  before = await takeHostSnapshot(runner)
  installation = await prepareInstallation('systest', '198.19')
  await installation.must(['up'])
})

afterAll(async () => {
  await installation[Symbol.asyncDispose]()
  const after = await takeHostSnapshot(runner)
  expect(compareSnapshots(before, after)).toEqual([])
})

describe('the first shoot', () => {
  it('is ready and says how long that took', async () => {
    const status = JSON.parse(await installation.must(['status', '-o', 'json'])) as {
      ready: boolean
      rssMiB: number
      tasks: readonly { id: string; state: string }[]
    }
    expect(status.ready).toBe(true)
    expect(status.tasks.filter(({ state }) => state !== 'Succeeded')).toEqual([])
    expect(status.rssMiB).toBeGreaterThan(0)
    expect(status.rssMiB).toBeLessThanOrEqual(2560)
  })

  it('has two ready nodes', async () => {
    expect(await readyNodes()).toHaveLength(2)
  })

  it('changes nothing when up is run again', async () => {
    const machines = await seed(['-n', controlNamespace, 'get', 'machines', '-o', 'name'])
    await installation.must(['up'])
    expect(await seed(['-n', controlNamespace, 'get', 'machines', '-o', 'name'])).toBe(machines)
  })
})

describe('pods of the shoot', () => {
  beforeAll(async () => {
    await applyToShoot([...webServer(image, 2), agnhostPod('client', image, ['pause'])])
    await shoot(['rollout', 'status', 'deployment/web', '--timeout=120s'])
    await shoot(['wait', 'pod/client', '--for=condition=Ready', '--timeout=120s'])
  })

  it('run on different nodes', async () => {
    const nodes = await shoot(['get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}'])
    expect(new Set(nodes.trim().split(' ')).size).toBe(2)
  })

  it('reach each other by the name of a Service, across nodes', async () => {
    const seen = new Set<string>()
    await eventually(60, async () => {
      seen.add(
        await shoot([
          'exec',
          'client',
          '--',
          '/agnhost',
          'connect',
          'web.default.svc.cluster.local:80',
          '--timeout=5s',
        ]),
      )
      const name = await shoot(['exec', 'client', '--', 'wget', '-qO-', 'http://web/hostname'])
      seen.add(name.trim())
      expect([...seen].filter((one) => one.startsWith('web-'))).toHaveLength(2)
    })
  })

  it('answer exec, logs, attach and port-forward through the tunnel', async () => {
    expect(await shoot(['exec', 'client', '--', '/agnhost', '--version'])).toContain('version')
    await applyToShoot([agnhostPod('talker', image, ['logs-generator', '--log-lines-total=200', '--run-duration=60s'])])
    await shoot(['wait', 'pod/talker', '--for=condition=Ready', '--timeout=60s'])
    expect(await firstLines(['kubectl', 'logs', '--follow', 'talker'], 20)).toHaveLength(20)
    expect((await firstLines(['kubectl', 'attach', 'talker'], 3)).length).toBe(3)
    const [forwarding] = await firstLines(['kubectl', 'port-forward', 'deployment/web', ':8080'], 1, async (lines) => {
      const port = /127\.0\.0\.1:(\d+)/.exec(lines[0] ?? '')?.[1]
      const response = await fetch(`http://127.0.0.1:${port}/hostname`)
      expect(await response.text()).toMatch(/^web-/)
    })
    expect(forwarding).toContain('Forwarding from')
  })
})

describe('the API server reaches into the shoot', () => {
  it('asks a kubelet through the node proxy', async () => {
    const [node] = await readyNodes()
    expect(await shoot(['get', '--raw', `/api/v1/nodes/${node}/proxy/healthz`])).toBe('ok')
  })

  it('asks an admission webhook in a pod', async () => {
    const maker = createCertificateMaker({ clock: createSystemClock(), random: createSystemRandom() })
    const authority = await maker.createAuthority('webhook')
    const issued = await maker.issue(authority, {
      commonName: 'webhook',
      dnsNames: ['webhook.default.svc'],
      usages: ['server'],
    })
    await applyToShoot(denyingWebhook(image, { ...issued, authority: authority.certificate }))
    await shoot(['wait', 'pod/webhook', '--for=condition=Ready', '--timeout=60s'])
    await eventually(30, async () => {
      const denied = await installation.trellis(
        ['kubectl', 'create', '-f', '-'],
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { generateName: 'denied-', labels: { webhook: 'deny' } },
        }),
      )
      expect(denied.stderr).toContain('this webhook denies all requests')
    })
    await shoot(['delete', 'validatingwebhookconfiguration', 'deny'])
  })

  it('serves an aggregated API from a pod', async () => {
    await eventually(120, async () => {
      const { items } = JSON.parse(await shoot(['get', '--raw', '/apis/metrics.k8s.io/v1beta1/nodes'])) as {
        items: readonly unknown[]
      }
      expect(items).toHaveLength(2)
    })
  })
})

describe('machines follow their deployment', () => {
  const deployment = async (): Promise<string> =>
    (
      await seed(['-n', controlNamespace, 'get', 'machinedeployments', '-o', 'jsonpath={.items[0].metadata.name}'])
    ).trim()
  const scale = async (replicas: number): Promise<void> => {
    await seed(['-n', controlNamespace, 'scale', 'machinedeployment', await deployment(), `--replicas=${replicas}`])
  }

  it('up to three', async () => {
    await scale(3)
    await eventually(120, async () => expect(await readyNodes()).toHaveLength(3))
  })

  it('down to one, with pods moved and never killed before their grace period', async () => {
    await scale(1)
    await eventually(180, async () => {
      expect(JSON.parse(await shoot(['get', 'nodes', '-o', 'json'])).items).toHaveLength(1)
      const machines = JSON.parse(await seed(['-n', controlNamespace, 'get', 'machines', '-o', 'json'])) as {
        items: unknown[]
      }
      expect(machines.items).toHaveLength(1)
    })
    const evicted = await shoot(['get', 'events', '-A', '--field-selector', 'reason=Killing', '-o', 'name'])
    expect(evicted).not.toBe('')
  })
})

/** Reads lines of a command that does not end by itself, lets `look` use it while it runs, then ends it. */
async function firstLines(
  args: readonly string[],
  count: number,
  look: (lines: readonly string[]) => Promise<void> = async () => {},
): Promise<readonly string[]> {
  const child = installation.start(args)
  try {
    const lines = await new Promise<readonly string[]>((resolve, reject) => {
      let text = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const whole = text.split('\n').slice(0, -1)
        if (whole.length >= count) resolve(whole.slice(0, count))
      })
      child.on('error', reject)
      child.on('close', () => resolve(text.split('\n').slice(0, -1).slice(0, count)))
    })
    await look(lines)
    return lines
  } finally {
    child.kill('SIGINT')
  }
}
