import { readJoinReport } from '@trellis/api/join-report'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it, vi } from 'vitest'
import { containerFacts, createFakeClient, createFakeRunner, filledWorker } from '../testing/fakes.ts'
import { type AgentOptions, runAgent, statusPath } from './agent.ts'
import type { ApiRequest } from './api-client.ts'
import { createDisk } from './disk.ts'
import { kubeletClientCertificatePath } from './render/kubelet.ts'

const node = {
  metadata: { name: 'first-a', resourceVersion: '1' },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
}

/** An API server that takes requests for certificates and has the node. */
function willing(call: ApiRequest): unknown {
  if (call.method === 'POST') return { status: { allowed: true } }
  return call.method === 'GET' ? { metadata: { resourceVersion: '1' }, items: [node] } : {}
}

async function setUp(root: string, changes: Partial<AgentOptions> = {}) {
  const clock = createVirtualClock()
  const stop = new AbortController()
  const disk = createDisk(root)
  const lines: string[] = []
  const client = createFakeClient(willing)
  // Starting the kubelet makes it obtain its certificate.
  const runner = createFakeRunner(async (call) => {
    if (call === 'systemctl restart kubelet.service') await disk.write(kubeletClientCertificatePath, 'pem', 0o600)
    return {}
  })
  await disk.write('/etc/trellis/node-agent.json', JSON.stringify(filledWorker()), 0o600)
  const options: AgentOptions = {
    clock,
    random: createSeededRandom('agent'),
    log: createSilentLog(),
    disk,
    runner,
    signal: stop.signal,
    configurationPath: '/etc/trellis/node-agent.json',
    identityPath: '/etc/trellis/machine.json',
    probeMachine: async () => containerFacts,
    probeUnit: async () => true,
    connect: () => client,
    console: (line) => lines.push(line),
    ...changes,
  }
  return { options, clock, stop, disk, client, runner, lines }
}

describe('runAgent', () => {
  it('makes a machine a Ready node, tells everybody, and keeps it one', async () => {
    await using directory = await createTemporaryDirectory()
    const { options, clock, stop, disk, client, runner, lines } = await setUp(directory.path)
    const done = runAgent(options)
    await vi.waitFor(() => expect(lines.at(-1)).toContain('first-a is ready'))
    await clock.advance(1_000)
    await vi.waitFor(async () => expect(JSON.parse((await disk.read(statusPath)) ?? '{}').state).toBe('ready'))

    expect(lines.slice(0, -1).map((line) => line.replace(/ done in .*/, ''))).toEqual(
      expect.arrayContaining(['write-files', 'reach-api-server', 'ready-node'].map((name) => `node-agent: ${name}`)),
    )
    const started = runner.calls.filter((call) => call.startsWith('systemctl restart'))
    expect(started).toEqual(['systemctl restart containerd.service', 'systemctl restart kubelet.service'])
    const sent = client.calls.filter(({ path }) => path.includes('/configmaps/')).at(-1)?.body
    const report = readJoinReport(sent as Parameters<typeof readJoinReport>[0])
    expect(report).toMatchObject({ machine: 'first-a', state: 'ready' })
    expect(report?.steps.every(({ state }) => state === 'done')).toBe(true)

    await disk.write('/etc/containerd/config.toml', 'broken', 0o644)
    await vi.waitFor(async () => {
      await clock.advance(500)
      expect(runner.calls.filter((call) => call === 'systemctl restart containerd.service')).toHaveLength(2)
    })
    stop.abort(new Error('received SIGTERM'))
    await done
  })

  it('joins although nobody can be told', async () => {
    await using directory = await createTemporaryDirectory()
    const client = createFakeClient((call) => {
      if (call.path.includes('/configmaps/')) throw new Failure('Unauthorized', 'forbidden')
      return willing(call)
    })
    const { options, stop, lines } = await setUp(directory.path, { connect: () => client })
    const done = runAgent(options)
    await vi.waitFor(() => expect(lines.at(-1)).toContain('first-a is ready'))
    stop.abort(new Error('received SIGTERM'))
    await done
  })

  it('waits for the network of the machine and for the API server', async () => {
    await using directory = await createTemporaryDirectory()
    let tries = 0
    let up = false
    const client = createFakeClient((call) => {
      if (!up) throw new Failure('Unavailable', 'https://198.18.0.10:6443 does not answer')
      return willing(call)
    })
    const { options, clock, stop, runner, lines } = await setUp(directory.path, {
      connect: () => client,
      probeMachine: async () => {
        if (++tries < 3) throw new Failure('Unavailable', 'this machine has no default route yet')
        return containerFacts
      },
    })
    const done = runAgent(options)
    await vi.waitFor(async () => {
      await clock.advance(500)
      expect(lines.at(-1)).toContain('reach-api-server failed')
    })
    await vi.waitFor(() => expect(runner.calls).toContain('systemctl restart containerd.service'))
    expect(runner.calls).not.toContain('systemctl restart kubelet.service')
    up = true
    await vi.waitFor(async () => {
      await clock.advance(5_000)
      expect(lines.at(-1)).toContain('first-a is ready')
    })
    stop.abort(new Error('received SIGTERM'))
    await done
  })

  it('refuses a configuration that cannot be right before it touches anything', async () => {
    await using directory = await createTemporaryDirectory()
    const { options, disk, runner } = await setUp(directory.path)
    await disk.write('/etc/trellis/machine.json', '{"machineName":"<<MACHINE_NAME>>"}', 0o600)
    await expect(runAgent(options)).rejects.toThrow('placeholder was not filled in')
    expect(runner.calls).toEqual([])
  })
})
