import { instantText } from '@trellis/api/conditions'
import { configMaps, secrets } from '@trellis/api/core/configuration'
import { pods } from '@trellis/api/core/pod'
import { deployments } from '@trellis/api/core/workload'
import { tunnelReportPlace } from '@trellis/api/tunnel-report'
import type { TaskContext } from '@trellis/flow/task'
import { drive } from '@trellis/flow/testing/stock-tests'
import { describe, expect, it } from 'vitest'
import { createShootWorld, type ShootWorld } from '../../testing/shoot-world.ts'
import { ensureSecrets } from '../secrets/ensure-secrets.ts'
import type { LinkStage } from '../shoot/known-links.ts'
import type { ShootServices } from './services.ts'
import { awaitLinks, tunnelLinks } from './tunnel-links.ts'

/** Against never alone. */
const patience = { timeout: 20_000 }

/** Lets an end in the shoot report. */
async function report({ shootApi, clock }: ShootWorld, peers: Readonly<Record<string, boolean>>): Promise<void> {
  const text = JSON.stringify({
    ...{ up: true, reason: 'connected', explanation: 'well', peers },
    reportedAt: instantText(clock.now()),
  })
  const data = { 'vpn-shoot': text }
  await shootApi.apply(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...tunnelReportPlace }, data })
}

function wait(world: ShootWorld, stage: LinkStage, signal: AbortSignal = new AbortController().signal) {
  const notes: string[] = []
  const seen = { over: false }
  const note = (text: string) => void notes.push(text)
  const { services, shootApi: client } = world
  const waiting = awaitLinks({ client, services, ends: [1], stage, signal, note }).finally(() => {
    seen.over = true
  })
  return { waiting, notes, seen }
}

describe('links of ends that are to come', () => {
  it('are waited for until the end in the shoot reports them', async () => {
    const world = createShootWorld()
    await report(world, { 'vpn-seed': true })
    const { waiting, notes, seen } = wait(world, 'up')
    await expect.poll(() => notes, patience).toContain('links are not up yet: vpn-shoot to vpn-seed-1')
    await report(world, { 'vpn-seed': true, 'vpn-seed-1': false })
    await expect.poll(() => notes.length, patience).toBe(2)
    expect(seen.over).toBe(false)
    await report(world, { 'vpn-seed': true, 'vpn-seed-1': true })
    await waiting
  })

  it('are waited for in vain for two minutes, and no longer', async () => {
    const world = createShootWorld()
    await report(world, { 'vpn-seed': true })
    const { waiting, notes, seen } = wait(world, 'known')
    await expect.poll(() => notes.length, patience).toBe(1)
    await world.clock.advance(119_000)
    expect(seen.over).toBe(false)
    await world.clock.advance(2_000)
    await waiting
    expect(notes.at(-1)).toBe('known links were waited for in vain')
  })

  it('are no longer waited for when the flow is called off', async () => {
    const world = createShootWorld()
    await report(world, { 'vpn-seed': true })
    const stop = new AbortController()
    const { waiting, notes } = wait(world, 'known', stop.signal)
    await expect.poll(() => notes.length, patience).toBe(1)
    stop.abort(new RangeError('called off'))
    await expect(waiting).rejects.toThrowError('called off')
  })
})

describe('the task', () => {
  const namespace = 'kube-system'
  const labels = { 'k8s-app': 'vpn-shoot' }

  async function scene(apiServerReplicas: number, present: readonly string[]) {
    const world = createShootWorld()
    const { services } = world
    const blueprint = { ...services.blueprint, tunnelReplicas: 2, apiServerReplicas }
    await ensureSecrets(services, blueprint, '198.18.0.10')
    for (const name of present) {
      await world.garden.apply(deployments, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace: blueprint.technicalId, labels: { app: 'kube-apiserver' } },
        spec: { selector: {}, template: {} },
      })
    }
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'end', namespace, labels } }
    await world.shootApi.create(pods, pod)
    const context = {
      services: { ...services, blueprint },
      signal: new AbortController().signal,
      note: () => undefined,
    }
    await drive(world.clock, tunnelLinks.run(context as unknown as TaskContext<ShootServices>))
    const told = await world.shootApi.find(secrets, { namespace, name: 'vpn-shoot' })
    const { metadata } = await world.shootApi.get(pods, { namespace, name: 'end' })
    return { told: told !== undefined, nudged: metadata.annotations?.['trellis.internal/links'] !== undefined }
  }

  it.each<[string, number, readonly string[], boolean]>([
    ['a second that comes', 2, ['kube-apiserver'], true],
    ['two that are there', 2, ['kube-apiserver', 'kube-apiserver-1'], false],
    ['one that goes', 1, ['kube-apiserver', 'kube-apiserver-1'], false],
    ['two of a shoot that begins', 2, [], false],
  ])('tells the shoot, or not, of %s', async (_, wanted, present, told) => {
    expect(await scene(wanted, present)).toEqual({ told, nudged: told })
  })
})
