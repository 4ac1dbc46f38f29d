import { type Node, nodes } from '@trellis/api/core/node'
import { deployments } from '@trellis/api/core/workload'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import type { Clock } from '@trellis/foundation/clock'
import type { Client } from '@trellis/kubernetes/client'
import { expect, it } from 'vitest'
import { phaseOf } from '../src/machine/phase.ts'
import { type Autoscaler, createAutoscaler } from './autoscaler.ts'
import { classFor, deploymentOf, plant, type Rig, type RigOptions } from './rig.ts'

/** Where the contract is played: in virtual time on a fake, or on a real API server. */
export interface AutoscalerHarness {
  readonly clock: Clock
  readonly client: Client
  namespace(name: string): Promise<string>
  rig(namespace: string, options?: Partial<RigOptions>): Rig
  /** Lets time pass until the check no longer throws. */
  eventually(check: () => Promise<void>): Promise<void>
  /** Lets an action run that may have to wait for time to pass. */
  during<Result>(action: Promise<Result>): Promise<Result>
}

interface Stage extends AutoscalerHarness {
  readonly space: string
  readonly running: Rig
  readonly autoscaler: Autoscaler
}

/** The contract with gardener/autoscaler, as tests. */
export function testAutoscalerContract(harness: () => AutoscalerHarness): void {
  it('scales from zero by what the class says, once the manager is there', () =>
    play(harness(), 'zero', 0, {}, scaleFromZero))
  it('sees that quota is used up, and takes back what it asked for', () =>
    play(harness(), 'quota', 1, { cloud: { createMilliseconds: 100, quota: { '*': 2 } } }, meetQuota))
  it('deletes the very nodes it chose, down to none', () => play(harness(), 'chosen', 4, {}, deleteChosen))
  it('is refused during a rollout, and its last choice is kept', () =>
    play(harness(), 'rolling', 4, {}, chooseThenRoll))
  it('may take its choice back before anything is done about it', () => play(harness(), 'withdrawn', 3, {}, withdraw))
  it('is understood in the words of its older releases', () => play(harness(), 'older', 4, {}, speakOlder))
}

async function play(
  harness: AutoscalerHarness,
  name: string,
  size: number,
  options: Partial<RigOptions>,
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  const { client, clock } = harness
  const space = await harness.namespace(`scaler-${name}`)
  await using running = harness.rig(space, options)
  await plant(client, space, deploymentOf(space, group(space), size))
  const patch = { nodeTemplate: offer }
  await client.patch(machineClasses, { namespace: space, name: 'small' }, patch, { type: 'merge' })
  await client.create(machineClasses, { ...classFor(space, 'large', 'large'), nodeTemplate: offer })
  running.start()
  const stage = { ...harness, space, running, autoscaler: createAutoscaler({ clock, client, namespace: space }) }
  await untilRunning(stage, size)
  await act(stage)
}

/** Nodes of all tests on one API server share one space of names. */
const group = (space: string) => `${space}-pool`

const offer = {
  capacity: { cpu: '4', gpu: '0', memory: '16Gi' },
  instanceType: 'small',
  region: 'region',
  zone: 'zone',
}

async function untilRunning({ running, eventually }: Stage, count: number): Promise<void> {
  await eventually(async () => {
    expect((await running.machines()).map(phaseOf)).toEqual(Array.from({ length: count }, () => 'Running'))
    const [deployment] = await Promise.all((await deploymentNames(running)).map(running.deployment))
    const progressing = deployment?.status?.conditions?.find(({ type }) => type === 'Progressing')
    expect(progressing?.reason).toBe('NewMachineSetAvailable')
  })
}

async function deploymentNames(running: Rig): Promise<readonly string[]> {
  const sets = await running.sets()
  return [...new Set(sets.flatMap(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name) ?? []))]
}

async function nodesOf({ client, space }: Stage): Promise<readonly Node[]> {
  return (await client.list(nodes)).items.filter(({ metadata }) => metadata.name.startsWith(group(space)))
}

const namesOf = (found: readonly Node[]) => found.map(({ metadata }) => metadata.name).sort()

async function scaleFromZero(stage: Stage): Promise<void> {
  const { autoscaler, client, space, during, eventually } = stage
  await expect(autoscaler.refresh(group(space))).rejects.toThrow('offline')
  await showManager(client, space)
  await autoscaler.refresh(group(space))
  expect(await autoscaler.offer(group(space))).toMatchObject({ cpu: '4', memory: '16Gi', zone: 'zone' })
  await during(autoscaler.increaseSize(group(space), 3))
  await eventually(async () => {
    const waiting = await autoscaler.instances(group(space))
    expect(waiting).toHaveLength(3)
  })
  await untilRunning(stage, 3)
  const ids = (await nodesOf(stage)).map(({ spec }) => spec?.providerID ?? '')
  expect((await autoscaler.instances(group(space))).map(({ id }) => id).sort()).toEqual(ids.sort())
}

async function showManager(client: Client, namespace: string): Promise<void> {
  const labels = { app: 'machine-controller-manager' }
  const containers = [{ name: 'machine-controller-manager', image: 'none' }]
  const manager = await client.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'machine-controller-manager', namespace },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  })
  const status = { replicas: 1, readyReplicas: 1, availableReplicas: 1 }
  await client.replaceStatus(deployments, { ...manager, status })
}

async function meetQuota(stage: Stage): Promise<void> {
  const { autoscaler, space, during, eventually } = stage
  const before = namesOf(await nodesOf(stage))
  await during(autoscaler.increaseSize(group(space), 2))
  await eventually(async () => {
    const all = await autoscaler.instances(group(space))
    expect(all.map(({ errorClass }) => errorClass).filter(Boolean)).toEqual(['OutOfResources'])
    expect(all.filter(({ id }) => id.startsWith('requested://'))).toHaveLength(1)
  })
  await during(autoscaler.decreaseTargetSize(group(space), 1))
  await untilRunning(stage, 2)
  expect(namesOf(await nodesOf(stage))).toEqual(expect.arrayContaining(before))
}

async function deleteChosen(stage: Stage): Promise<void> {
  const { autoscaler, space, client, running, during, eventually } = stage
  const [first, second, third, fourth] = namesOf(await nodesOf(stage))
  await during(autoscaler.deleteNodes(group(space), [third ?? '']))
  await during(autoscaler.deleteNodes(group(space), [second ?? '']))
  await untilRunning(stage, 2)
  await eventually(async () => expect(namesOf(await nodesOf(stage))).toEqual([first, fourth]))
  await eventually(async () => {
    const { metadata } = await running.deployment(group(space))
    expect(metadata.annotations?.['node.machine.sapcloud.io/trigger-deletion-by-mcm'] ?? '').toBe('')
  })
  // A typed client leaves the zero out.
  await during(autoscaler.deleteNodes(group(space), [first ?? '', fourth ?? '']))
  const { spec } = await client.get(machineDeployments, { namespace: space, name: group(space) })
  expect(spec).not.toHaveProperty('replicas')
  await eventually(async () => expect(await running.machines()).toEqual([]))
  expect(running.cloud.peak()).toBe(4)
}

async function chooseThenRoll(stage: Stage): Promise<void> {
  const { autoscaler, space, client, running, during, eventually } = stage
  const [first, second, ...others] = namesOf(await nodesOf(stage))
  await running.stop()
  await during(autoscaler.deleteNodes(group(space), [second ?? '']))
  await roll(client, space)
  const seen: string[] = []
  const stop = running.cloud.onChange((server, change) => {
    if (change === 'running' && server.machineType === 'small') seen.push(server.machineName)
  })
  running.start()
  await eventually(async () => {
    const { status } = await running.deployment(group(space))
    expect(status?.conditions?.find(({ type }) => type === 'Progressing')?.reason).not.toBe('NewMachineSetAvailable')
  })
  await expect(during(autoscaler.deleteNodes(group(space), [first ?? '']))).rejects.toThrow()
  await expect(during(autoscaler.decreaseTargetSize(group(space), 1))).rejects.toThrow('being rolled')
  await untilRunning(stage, 3)
  stop()
  // No old machine was made in place of the chosen one, and none too many of either sort.
  expect(seen).toEqual([])
  expect(running.cloud.servers().map(({ machineType }) => machineType)).toEqual(['large', 'large', 'large'])
  await eventually(async () => {
    const left = await nodesOf(stage)
    expect(namesOf(left).filter((name) => others.includes(name))).toEqual([])
    for (const { metadata, spec } of left) {
      expect(metadata.annotations).not.toHaveProperty('cluster-autoscaler.kubernetes.io/scale-down-disabled')
      const avoided = 'deployment.machine.sapcloud.io/prefer-no-schedule'
      expect(spec?.taints?.map(({ key }) => key) ?? []).not.toContain(avoided)
    }
  })
}

async function roll(client: Client, namespace: string): Promise<void> {
  const change = { spec: { template: { spec: { class: { name: 'large' } } } } }
  await client.patch(machineDeployments, { namespace, name: group(namespace) }, change, { type: 'merge' })
}

async function withdraw(stage: Stage): Promise<void> {
  const { autoscaler, space, running, during } = stage
  const before = namesOf(await nodesOf(stage))
  await running.stop()
  await during(autoscaler.deleteNodes(group(space), [before[1] ?? '']))
  await during(autoscaler.withdraw(group(space), [before[1] ?? ''], 3))
  running.start()
  await during(stage.clock.sleep(3000))
  await untilRunning(stage, 3)
  expect(namesOf(await nodesOf(stage))).toEqual(before)
}

async function speakOlder(stage: Stage): Promise<void> {
  const { autoscaler, space, during, eventually } = stage
  const [first, second, third, fourth] = namesOf(await nodesOf(stage))
  await during(autoscaler.deleteByPriority(group(space), [third ?? '']))
  await untilRunning(stage, 3)
  await eventually(async () => expect(namesOf(await nodesOf(stage))).toEqual([first, second, fourth]))
  await during(autoscaler.deleteByName(group(space), [fourth ?? '']))
  await untilRunning(stage, 2)
  await eventually(async () => expect(namesOf(await nodesOf(stage))).toEqual([first, second]))
}
