import { events } from '@trellis/api/core/event'
import { nodes } from '@trellis/api/core/node'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { type MachineDeploymentSpec, machineDeployments } from '@trellis/api/machine/machine-deployment'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient, type FakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { epoch } from '../../testing/objects.ts'
import { classFor, createRig, deploymentOf, plant, type Rig } from '../../testing/rig.ts'

const namespace = 'shoot--local--first'

/** A change of the deployment some seconds after the story began. */
interface Turn {
  readonly at: number
  readonly says: string
  readonly patch: object
}

interface Story {
  readonly name: string
  readonly replicas: number
  readonly spec?: Partial<MachineDeploymentSpec>
  readonly annotations?: Record<string, string>
  readonly turns: readonly Turn[]
  readonly seconds: number
}

const surge = { type: 'RollingUpdate' as const, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
const toClass = (name: string) => ({ spec: { template: { spec: { class: { name } } } } })

const stories: readonly Story[] = [
  {
    name: 'rollback',
    replicas: 3,
    turns: [
      { at: 0, says: 'class large', patch: toClass('large') },
      { at: 50, says: 'roll back', patch: { spec: { rollbackTo: { revision: 0 } } } },
    ],
    seconds: 300,
  },
  {
    name: 'pause',
    replicas: 3,
    turns: [
      { at: 0, says: 'class large', patch: toClass('large') },
      { at: 40, says: 'pause', patch: { spec: { paused: true } } },
      { at: 80, says: 'five wanted', patch: { spec: { replicas: 5 } } },
      { at: 160, says: 'two wanted', patch: { spec: { replicas: 2 } } },
      { at: 200, says: 'go on', patch: { spec: { paused: false } } },
    ],
    seconds: 500,
  },
  {
    name: 'restart',
    replicas: 2,
    turns: [
      {
        at: 0,
        says: 'another annotation of the template',
        patch: { spec: { template: { metadata: { annotations: { restartedAt: 'now' } } } } },
      },
      { at: 20, says: 'another drain timeout', patch: { spec: { template: { spec: { drainTimeout: '9m' } } } } },
    ],
    seconds: 200,
  },
  {
    name: 'min-ready',
    replicas: 2,
    spec: { minReadySeconds: 40 },
    annotations: { 'machine.sapcloud.io/honour-min-ready-seconds': 'true' },
    turns: [{ at: 0, says: 'class large', patch: toClass('large') }],
    seconds: 400,
  },
  {
    name: 'min-ready-unasked',
    replicas: 2,
    spec: { minReadySeconds: 500 },
    turns: [{ at: 0, says: 'class large', patch: toClass('large') }],
    seconds: 200,
  },
  {
    name: 'deadline',
    replicas: 1,
    spec: { progressDeadlineSeconds: 60 },
    turns: [
      { at: 0, says: 'class that does not exist', patch: toClass('none') },
      { at: 150, says: 'class large', patch: toClass('large') },
    ],
    seconds: 400,
  },
]

/** Plays a story in virtual time and writes down every change of what a user can see. */
async function play(story: Story): Promise<readonly string[]> {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom(story.name)
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 10_000, deleteMilliseconds: 5000 }
  await using rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 20_000 })
  const deployment = deploymentOf(namespace, 'pool', story.replicas, { strategy: surge, ...story.spec })
  const { annotations = {} } = story
  await plant(client, namespace, { ...deployment, metadata: { ...deployment.metadata, annotations } })
  await client.create(machineClasses, classFor(namespace, 'large', 'large'))
  rig.start()
  await clock.advance(120_000)
  const lines: string[] = []
  let seen = ''
  for (let second = 0; second <= story.seconds; second++) {
    for (const { patch, says } of story.turns.filter(({ at }) => at === second)) {
      await client.patch(machineDeployments, { namespace, name: 'pool' }, patch, { type: 'merge' })
      lines.push(`${String(second).padStart(4)} s  ---- ${says}`)
    }
    await clock.advance(1000)
    const now = await describeNow(client, rig)
    if (now !== seen) lines.push(`${String(second + 1).padStart(4)} s  ${now}`)
    seen = now
  }
  const told = (await client.list(events, { namespace })).items.filter(({ reason }) => reason?.startsWith('Deployment'))
  return [...lines, ...told.map((event) => `event   ${event.reason}: ${event.note}`)]
}

async function describeNow(client: FakeClient, rig: Rig): Promise<string> {
  const [sets, machines, all] = await Promise.all([rig.sets(), rig.machines(), client.list(nodes)])
  const byAge = [...sets].sort((left, right) => age(left) - age(right))
  const parts = byAge.map(({ metadata, spec }, index) => {
    const own = machines.filter((machine) => machine.metadata.ownerReferences?.[0]?.uid === metadata.uid)
    const running = own.filter(({ status }) => status?.currentStatus?.phase === 'Running').length
    const revision = metadata.annotations?.['deployment.kubernetes.io/revision']
    return `set ${index + 1}, revision ${revision}: wanted ${spec?.replicas}, machines ${own.length}, running ${running}`
  })
  const marked = (key: string) => all.items.filter((node) => JSON.stringify(node).includes(key)).length
  const { status } = await rig.deployment('pool')
  const progress = status?.conditions?.find(({ type }) => type === 'Progressing')
  const marks = `avoided ${marked('"deployment.machine.sapcloud.io/prefer-no-schedule"')}, kept ${marked('scale-down-disabled-by-mcm')}`
  return `${parts.join(' | ')} | ${marks} | available ${status?.availableReplicas}, ${progress?.status} ${progress?.reason}`
}

function age({ metadata }: { metadata: { creationTimestamp?: string } }): number {
  return Date.parse(metadata.creationTimestamp ?? '')
}

describe('stories of deployments', () => {
  it.each(stories)('$name', async (story) => {
    const lines = await play(story)
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`transcripts/story-${story.name}.txt`)
  })
})
