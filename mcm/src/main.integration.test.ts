import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leases } from '@trellis/api/core/lease'
import { type Machine, machines } from '@trellis/api/machine/machine'
import { startFaultProxy } from '@trellis/kubernetes/testing/fault-proxy'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type MachineCluster, startMachineCluster } from '../testing/machine-cluster.ts'
import { deploymentOf, plant, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

let cluster: MachineCluster
let directory: string

beforeAll(async () => {
  cluster = await startMachineCluster()
  directory = await mkdtemp(join(tmpdir(), 'mcm-main-'))
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfig, { mode: 0o600 })
  await writeFile(join(directory, 'key'), '0123456789abcdef0123456789abcdef', { mode: 0o600 })
  await writeFile(join(directory, 'cloud.json'), JSON.stringify({ createMilliseconds: 200, joinMilliseconds: 200 }))
})
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

/** A manager in a process of its own. */
function startProcess(args: readonly string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, POD_NAME: 'mcm-0' },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  return {
    pid: child.pid ?? 0,
    said: () => said,
    ended,
    kill: async (signal: NodeJS.Signals) => {
      child.kill(signal)
      return ended
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function argumentsFor(namespace: string, port: number): readonly string[] {
  return [
    `--control-kubeconfig=${join(directory, 'kubeconfig')}`,
    `--namespace=${namespace}`,
    '--provider=simulated',
    `--simulated-cloud=${join(directory, 'cloud.json')}`,
    `--bootstrap-token-key=${join(directory, 'key')}`,
    '--address=127.0.0.1',
    `--port=${port}`,
  ]
}

async function residentMebibytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

describe('the process', () => {
  it('serves its probes, does its work in little memory, and ends in good order', async () => {
    const namespace = await cluster.namespace('process')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    await plant(cluster.client, namespace, deploymentOf(namespace, 'process', 3))
    await using running = startProcess(argumentsFor(namespace, port))
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), {
      timeout: 30_000,
      interval: 100,
    })
    await vi.waitFor(
      async () => {
        const { items } = await cluster.client.list<Machine>(machines, { namespace })
        expect(items.map(phaseOf)).toEqual(['Running', 'Running', 'Running'])
      },
      { timeout: 30_000, interval: 100 },
    )
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({
      leading: true,
      namespace,
      machines: 3,
      target: 'known',
    })
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('mcm_machine_items_total 3')
    expect(metrics).toContain(
      'mcm_cloud_api_driver_request_duration_seconds_count{provider="simulated",operation="create_machine"} 3',
    )
    expect(metrics).toMatch(/mcm_workqueue_adds_total\{name="machine"\} \d+/)
    // From source: the runtime's own compiler of types is in it, which a bundle does without.
    expect(await residentMebibytes(running.pid)).toBeLessThan(160)
    await scale(cluster.client, namespace, 'process', 0)
    await vi.waitFor(
      async () => expect((await cluster.client.list<Machine>(machines, { namespace })).items).toEqual([]),
      { timeout: 30_000, interval: 100 },
    )
    expect(await running.kill('SIGTERM')).toBe(0)
    const lease = await cluster.client.get(leases, { namespace, name: 'machine-controller-manager' })
    expect(lease.spec?.holderIdentity ?? '').toBe('')
    expect(running.said()).not.toContain('0123456789abcdef')
  })

  it('takes its lease up again at once after it was killed', async () => {
    const namespace = await cluster.namespace('killed')
    const port = await freePort()
    const first = startProcess(argumentsFor(namespace, port))
    const leads = async () =>
      expect(await (await fetch(`http://127.0.0.1:${port}/status`)).json()).toMatchObject({ leading: true })
    await vi.waitFor(leads, { timeout: 30_000, interval: 100 })
    await first.kill('SIGKILL')
    await using second = startProcess(argumentsFor(namespace, port))
    await vi.waitFor(leads, { timeout: 10_000, interval: 100 })
    expect(await second.kill('SIGTERM')).toBe(0)
  })

  it('ends soon although the cloud is slow, and gives its lease back', async () => {
    const namespace = await cluster.namespace('slow')
    const port = await freePort()
    await writeFile(join(directory, 'slow.json'), JSON.stringify({ createMilliseconds: 600_000 }))
    await plant(cluster.client, namespace, deploymentOf(namespace, 'slow', 2))
    const slow = `--simulated-cloud=${join(directory, 'slow.json')}`
    await using running = startProcess([...argumentsFor(namespace, port), slow])
    const working = async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      expect(metrics).toContain('mcm_cloud_api_requests_total{provider="simulated",service="create_machine"} 2')
    }
    await vi.waitFor(working, { timeout: 30_000, interval: 100 })
    const began = performance.now()
    expect(await running.kill('SIGTERM')).toBe(0)
    expect(performance.now() - began).toBeLessThan(30_000)
    const lease = await cluster.client.get(leases, { namespace, name: 'machine-controller-manager' })
    expect(lease.spec?.holderIdentity ?? '').toBe('')
  })

  it('ends in time although the API server hangs', async () => {
    const namespace = await cluster.namespace('hangs')
    const port = await freePort()
    await using proxy = await startFaultProxy(cluster)
    const { host } = new URL(proxy.url)
    const through = JSON.parse(cluster.kubeconfig)
    through.clusters[0].cluster = { server: `http://${host}` }
    await writeFile(join(directory, 'through'), JSON.stringify(through), { mode: 0o600 })
    await writeFile(join(directory, 'two-seconds.json'), JSON.stringify({ createMilliseconds: 2000 }))
    await plant(cluster.client, namespace, deploymentOf(namespace, 'hangs', 1))
    await using running = startProcess([
      ...argumentsFor(namespace, port),
      `--control-kubeconfig=${join(directory, 'through')}`,
      `--simulated-cloud=${join(directory, 'two-seconds.json')}`,
      '--leader-elect-lease-duration=60s',
      '--leader-elect-renew-deadline=40s',
    ])
    const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const called = 'mcm_cloud_api_requests_total{provider="simulated",service="create_machine"} 1'
    await vi.waitFor(async () => expect(await metrics()).toContain(called), { timeout: 30_000, interval: 50 })
    proxy.stall(true)
    const answered =
      'mcm_cloud_api_driver_request_duration_seconds_count{provider="simulated",operation="create_machine"} 1'
    await vi.waitFor(async () => expect(await metrics()).toContain(answered), { timeout: 30_000, interval: 50 })
    const began = performance.now()
    expect(await running.kill('SIGTERM')).toBe(0)
    expect(performance.now() - began).toBeLessThan(45_000)
    expect(running.said()).toContain('not answered in time')
  })

  it('shares its work between two processes, as the reference does', async () => {
    const namespace = await cluster.namespace('halves')
    const [upper, lower] = [await freePort(), await freePort()]
    await plant(cluster.client, namespace, deploymentOf(namespace, 'halves', 2))
    const connection = [`--control-kubeconfig=${join(directory, 'kubeconfig')}`, `--namespace=${namespace}`]
    const halves = '--controllers=machineset,machinedeployment'
    await using manager = startProcess([...connection, halves, '--address=127.0.0.1', `--port=${upper}`])
    await using machine = startProcess([
      ...argumentsFor(namespace, lower),
      '--controllers=*,-machineset,-machinedeployment',
      '--kube-api-qps=50',
      '--controller-start-interval=100ms',
      '--profiling',
    ])
    await vi.waitFor(
      async () => {
        const { items } = await cluster.client.list<Machine>(machines, { namespace })
        expect(items.map(phaseOf)).toEqual(['Running', 'Running'])
      },
      { timeout: 30_000, interval: 100 },
    )
    const held = await cluster.client.list(leases, { namespace })
    expect(held.items.map(({ metadata }) => metadata.name).sort()).toEqual([
      'machine-controller',
      'machine-controller-manager',
    ])
    const url = `http://127.0.0.1:${lower}`
    expect(await (await fetch(`${url}/configz`)).json()).toMatchObject({
      componentconfig: { 'kube-api-qps': 50, port: lower },
    })
    expect(await (await fetch(`${url}/debug/pprof/profile?seconds=0.1`)).json()).toHaveProperty('nodes')
    expect((await fetch(`http://127.0.0.1:${upper}/debug/pprof/`)).status).toBe(404)
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/rest_client_requests_total\{code="20\d",method="\w+"/)
    expect(await Promise.all([manager.kill('SIGTERM'), machine.kill('SIGTERM')])).toEqual([0, 0])
  })

  it.each([
    { reason: 'an unknown flag', args: ['--nope'], says: '--nope: there is no flag --nope (see --help)' },
    {
      reason: 'a key that is too short',
      args: ['--provider=local', '--bootstrap-token-key=/dev/null'],
      says: '--bootstrap-token-key',
    },
    { reason: 'a missing kubeconfig', args: ['--provider=local', '--control-kubeconfig=/nowhere'], says: '/nowhere' },
  ])('refuses $reason in one line', async ({ args, says }) => {
    await using running = startProcess([`--target-kubeconfig=${join(directory, 'kubeconfig')}`, ...args])
    expect(await running.ended).toBe(1)
    expect(running.said()).toContain(says)
    expect(running.said().trim().split('\n')).toHaveLength(1)
  })
})
