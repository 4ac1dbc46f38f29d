import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { configMaps } from '@trellis/api/core/configuration'
import { type Pod, pods } from '@trellis/api/core/pod'
import { type PodDisruptionBudget, podDisruptionBudgets } from '@trellis/api/core/workload'
import { joinReportName } from '@trellis/api/join-report'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createSystemClock } from '@trellis/foundation/clock'
import { type CommandResult, createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { phaseOf } from '@trellis/mcm/machine/phase'
import { type MachineCluster, startMachineCluster } from '@trellis/mcm/testing/machine-cluster'
import { startPodPlayer } from '@trellis/mcm/testing/pod-player'
import { createRig, deploymentOf, plant, type RigOptions } from '@trellis/mcm/testing/rig'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

const clock = createSystemClock()
const random = createSystemRandom()
const runner = createCommandRunner()
const programs = process.env.KUBEBUILDER_ASSETS ?? ''
const plugins = join(import.meta.dirname, '../bin')
let cluster: MachineCluster
let directory: string

beforeAll(async () => {
  cluster = await startMachineCluster()
  directory = await mkdtemp(join(tmpdir(), 'kubectl-trellis-'))
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfig, { mode: 0o600 })
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

/** Runs what a person would type after `kubectl trellis`. */
async function trellis(args: readonly string[], input?: string): Promise<CommandResult> {
  const environment = {
    KUBECONFIG: join(directory, 'kubeconfig'),
    PATH: [plugins, programs, process.env.PATH].join(delimiter),
  }
  const options = input === undefined ? { environment } : { environment, input }
  return runner.run(join(programs, 'kubectl'), ['trellis', ...args], options)
}

/** What was printed, without what differs between two runs. */
function steady({ stdout }: CommandResult): string {
  return stdout
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'YYYY-MM-DDThh:mm:ssZ')
    .replaceAll(/Z {2,}(\+\d+[smh]\w* *)?/g, 'Z  +<time>  ')
    .replaceAll(/(for|after|in|than|of|within) (\d+[smh])+/g, '$1 <time>')
    .replaceAll(/\b(first|second|third)-[a-z0-9]{5}-[a-z0-9]{5}\b/g, '$1-<set>-<id>')
    .replaceAll(/\b(first|second|third)-[a-z0-9]{5}\b/g, '$1-<set>')
    .replaceAll(/(simulated:\/\/\/region\/)\S+?(?=[) \n])/g, '$1<server>')
    .replaceAll(/ {3,}(?=\S)/g, '   ')
}

async function grow(namespace: string, replicas: number, options: Partial<RigOptions>) {
  await cluster.namespace(namespace)
  await plant(cluster.client, namespace, deploymentOf(namespace, namespace, replicas))
  const rig = createRig({ clock, random, control: cluster.client, namespace, joinMilliseconds: 200, ...options })
  rig.start()
  return rig
}

const reaches = async (rig: { machines(): Promise<readonly Machine[]> }, check: (found: readonly Machine[]) => void) =>
  vi.waitFor(async () => check(await rig.machines()), { timeout: 60_000, interval: 200 })

describe('kubectl trellis explain machine', () => {
  it('tells the story of a machine that does not join', async () => {
    const failures = [{ operation: 'join' as const, times: 1 }]
    await using rig = await grow('first', 1, {
      cloud: { failures },
      settings: { creationTimeoutMilliseconds: 40_000 },
    })
    await reaches(rig, (found) => expect(found.map(phaseOf)).toEqual(['Pending']))
    const [machine] = await rig.machines()
    const { name = '', creationTimestamp = '' } = machine?.metadata ?? {}
    const after = (seconds: number) => new Date(Date.parse(creationTimestamp) + seconds * 1000).toISOString()
    const report = {
      machine: name,
      role: 'worker',
      state: 'joining',
      bootedAt: after(2),
      startedAt: after(3),
      updatedAt: after(5),
      restarts: {},
      cloudInit: { state: 'done', finishedAt: after(4) },
      steps: [
        { name: 'write-files', state: 'done', startedAt: after(3), finishedAt: after(5), tries: 1 },
        {
          name: 'reach-api-server',
          state: 'failed',
          startedAt: after(6),
          tries: 5,
          error: 'https://api:6443 does not answer',
        },
        { name: 'register-node', state: 'pending', tries: 0 },
      ],
    }
    await cluster.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: joinReportName(name), namespace: 'kube-system' },
      data: { report: JSON.stringify(report) },
    })
    await reaches(rig, ([found]) => expect(found?.status?.console?.text).toContain('booting'))
    const explain = ['explain', 'machine', name, '-n', 'first']
    await vi.waitFor(async () => expect((await trellis(explain)).stdout).toContain('JoiningLate'), { timeout: 20_000 })
    await expect(steady(await trellis(explain))).toMatchFileSnapshot('../captures/explain-late.txt')
    expect(JSON.parse((await trellis([...explain, '-o', 'json'])).stdout)).toMatchObject({
      machine: name,
      phase: 'Pending',
      isNode: false,
      next: { at: expect.any(String) },
    })
  })

  it('names what holds up a drain, and the way out', async () => {
    await using rig = await grow('third', 1, {})
    await reaches(rig, (found) => expect(found.map(phaseOf)).toEqual(['Running']))
    const [machine] = await rig.machines()
    const { name = '', labels } = machine?.metadata ?? {}
    await using _player = startPodPlayer({ clock, random, client: cluster.client }, 'default', 100)
    await cluster.client.create(pods, podOn(labels?.node ?? '', 'db-0', 'db'))
    const ready = async () =>
      expect((await cluster.client.get(pods, { namespace: 'default', name: 'db-0' })).status?.phase).toBe('Running')
    await vi.waitFor(ready, { timeout: 30_000 })
    await cluster.client.create(podDisruptionBudgets, budgetOf('db'))
    await cluster.client.delete(machines, { namespace: 'third', name })
    const explain = ['explain', 'machine', name, '-n', 'third']
    const heldUp = async () =>
      expect((await trellis(explain)).stdout).toMatch(/drain held up \(EvictionRefused\)[^!]*PodDisruptionBudget/)
    await vi.waitFor(heldUp, { timeout: 60_000 })
    const told = steady(await trellis(explain))
    await expect(told).toMatchFileSnapshot('../captures/explain-drain.txt')
    expect(told).toContain('force-deletion=true')
    await rig.stop()
    await cluster.client.delete(pods, { namespace: 'default', name: 'db-0' }, { gracePeriodSeconds: 0 })
  })

  it('says in one line what is wrong with the question', async () => {
    const missing = await trellis(['explain', 'machine', 'nobody', '-n', 'default'])
    expect([missing.code, missing.stdout]).toEqual([1, ''])
    expect(missing.stderr).toMatch(/^kubectl trellis: there is no machine nobody in namespace default.*\n/)
    expect((await trellis(['explain', 'node', 'x'])).stderr).toContain('node is not understood')
    expect((await trellis(['--help'])).stdout).toContain('plan -f FILE')
  })
})

describe('kubectl trellis plan', () => {
  it('tells what applying a file would do, and does nothing', async () => {
    await using rig = await grow('second', 2, {})
    await reaches(rig, (found) => expect(found.map(phaseOf)).toEqual(['Running', 'Running']))
    const [machine] = await rig.machines()
    await cluster.client.create(pods, podOn(machine?.metadata.labels?.node ?? '', 'web-0', 'web'))
    await cluster.client.create(podDisruptionBudgets, budgetOf('web'))
    const before = await rig.deployment('second')
    const after = deploymentOf('second', 'second', 3)
    const { spec } = after
    if (spec?.template.spec?.class === undefined) throw new TypeError('the deployment has a class')
    spec.template.spec.class.name = 'large'
    const file = JSON.stringify(after)
    const target = `--target-kubeconfig=${join(directory, 'kubeconfig')}`
    const planned = await trellis(['plan', '-f', '-', target], file)
    const oldest = (text: string) => text.split('\n').toSorted().join('\n')
    expect(planned.stderr).toBe('')
    await expect(steady(planned)).toMatchFileSnapshot('../captures/plan-class.txt')
    expect(oldest(planned.stdout)).toContain(`${machine?.metadata.name}: pod default/web-0 is held by default/web`)
    const json = JSON.parse((await trellis(['plan', '-f', '-', '-o', 'json'], file)).stdout)
    expect(json.deployments[0].machines.map(({ fate }: { fate: string }) => fate)).toEqual(['replace', 'replace'])
    expect((await rig.deployment('second')).metadata.generation).toBe(before.metadata.generation)
    expect((await cluster.client.list(machineDeployments, { namespace: 'second' })).items).toHaveLength(1)
    await rig.stop()
    await cluster.client.delete(pods, { namespace: 'default', name: 'web-0' }, { gracePeriodSeconds: 0 })
  })

  it.each([
    {
      reason: 'what the API server refuses',
      args: ['plan', '-f', '-'],
      input: JSON.stringify({ ...deploymentOf('second', 'wrong', 1), spec: { replicas: 'many' } }),
      says: 'spec.replicas',
    },
    { reason: 'no file', args: ['plan'], input: '', says: '--filename: no file is named' },
    {
      reason: 'a file about something else',
      args: ['plan', '-f', '-'],
      input: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'default' } }),
      says: 'has neither a MachineDeployment nor a MachineClass',
    },
  ])('refuses $reason', async ({ args, input, says }) => {
    const { code, stderr } = await trellis(args, input)
    expect(code).toBe(1)
    expect(stderr).toContain(says)
  })
})

function podOn(nodeName: string, name: string, app: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app } },
    spec: { nodeName, containers: [{ name: 'main', image: 'example/main:1' }] },
  }
}

function budgetOf(app: string): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: app, namespace: 'default' },
    spec: { minAvailable: 1, selector: { matchLabels: { app } } },
  }
}
