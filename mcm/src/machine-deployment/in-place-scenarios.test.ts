import { pods } from '@trellis/api/core/pod'
import { machines } from '@trellis/api/machine/machine'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { keyOf } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { auto, manual, namespace, type Play, play, type Stage } from '../../testing/in-place-stage.ts'
import { podOn } from '../../testing/pod-player.ts'

const end = (count: number) => new RegExp(`large: wanted ${count}, .*available ${count}, NewMachineSetAvailable$`)

/** Names of a pool's machines by name of the set that owns them. */
async function owners({ rig }: Stage) {
  return (await rig.machines()).map(({ metadata }) => ({
    name: metadata.name,
    owner: metadata.ownerReferences?.map(({ name }) => name),
    hash: metadata.labels?.['machine-template-hash'],
  }))
}

async function first({ rig }: Stage, phase: string) {
  return (await rig.machines()).find(({ status }) => status?.currentStatus?.phase === phase)
}

/** Plays and expects the pool to end up at `count` machines of the new class, in one set, open for pods, without traces. */
async function playToEnd(
  piece: Omit<Play, 'seed' | 'replicas'> & { readonly seed?: string; readonly replicas?: number },
  count: number,
) {
  let last: Awaited<ReturnType<typeof owners>> = []
  let nodesAtEnd: Awaited<ReturnType<Stage['rig']['nodes']>> = []
  const seconds = piece.seconds ?? 900
  const { moments, stage } = await play({
    seed: 'scenario',
    replicas: 3,
    ...piece,
    seconds,
    meanwhile: async (stage, second) => {
      await piece.meanwhile?.(stage, second)
      if (second < seconds - 1) return
      last = await owners(stage)
      nodesAtEnd = await stage.rig.nodes()
    },
  })
  expect(moments.at(-1)?.line).toMatch(end(count))
  expect(last).toHaveLength(count)
  expect(new Set(last.map(({ owner }) => owner?.join())).size).toBe(Math.min(1, count))
  expect(new Set(last.map(({ hash }) => hash)).size).toBe(Math.min(1, count))
  for (const { metadata, spec } of nodesAtEnd) {
    expect(spec?.unschedulable).not.toBe(true)
    expect(spec?.taints ?? []).toEqual([])
    expect(Object.keys(metadata.labels ?? {}).filter((key) => key.startsWith('node.machine.sapcloud.io/'))).toEqual([])
    expect(metadata.annotations ?? {}).not.toHaveProperty('node.machine.sapcloud.io/update-failed-reason')
  }
  return { moments, stage, names: last.map(({ name }) => name) }
}

describe('an update in place', () => {
  it('keeps the machines and lets the old class go', async () => {
    let before: readonly string[] = []
    const { names, stage } = await playToEnd(
      {
        strategy: auto(0, 1),
        meanwhile: async (now, second) => {
          if (second === 0) before = (await owners(now)).map(({ name }) => name)
          if (second === 890) await now.client.delete(machineClasses, { namespace, name: 'small' })
          if (second === 895) {
            expect(await now.client.find(machineClasses, { namespace, name: 'small' })).toBeUndefined()
          }
        },
      },
      3,
    )
    expect(names.sort()).toEqual([...before].sort())
    expect(stage.agent.open).toEqual([])
    expect(stage.agent.begun).toHaveLength(3)
  })

  it('costs few writes, and none once it is over', async () => {
    const writes = ({ client }: Stage) =>
      client.calls.filter(({ method }) => ['patch', 'create', 'replaceStatus', 'delete'].includes(method))
    const counts = new Map<number, number>()
    await playToEnd(
      {
        replicas: 10,
        strategy: auto(0, 5),
        meanwhile: async (stage, second) => void counts.set(second, writes(stage).length),
      },
      10,
    )
    const at = (second: number) => counts.get(second) ?? 0
    // Two of these for each machine are those of whoever updates; statuses of sets and deployment are in it.
    expect((at(300) - at(0)) / 10).toBeLessThanOrEqual(21)
    expect(at(899) - at(300)).toBe(0)
  })

  it('drains a node before it is updated', async () => {
    const leftOn: string[] = []
    await playToEnd(
      {
        strategy: auto(0, 1),
        meanwhile: async ({ client, rig, agent }, second) => {
          if (second === 0) {
            for (const { metadata } of await rig.nodes()) {
              const pod = podOn('default', `pod-${metadata.name}`, metadata.name)
              await client.create(pods, { ...pod, status: { phase: 'Running' } })
            }
          }
          const staying = (await client.list(pods, { namespace: 'default' })).items.map(({ spec }) => spec?.nodeName)
          leftOn.push(...agent.begun.filter((name) => staying.includes(name)))
        },
      },
      3,
    )
    expect(leftOn).toEqual([])
  })

  it('says of a machine that is drained and ill that it is ill, and says it once', async () => {
    let statuses = 0
    await playToEnd(
      {
        strategy: auto(0, 1),
        meanwhile: async ({ client, rig }, second) => {
          if (second === 0) {
            client.onCall(({ method, target }) => {
              if (method !== 'replaceStatus' || target !== machines.plural || ++statuses < 500) return
              throw new Failure('Throttled', 'the machines are written without end', { retryAfterMilliseconds: 60_000 })
            })
            for (const { metadata } of await rig.nodes()) {
              const pod = podOn('default', `pod-${metadata.name}`, metadata.name)
              const held = { ...pod.metadata, finalizers: ['example.com/held'] }
              await client.create(pods, { ...pod, metadata: held, status: { phase: 'Running' } })
            }
          }
          const closed = (await rig.nodes()).filter(({ spec }) => spec?.unschedulable === true)
          if (second === 10 || second === 60) {
            expect(closed).toHaveLength(1)
            for (const { metadata } of closed) await rig.nodeMaker.setReady(metadata.name, second === 60)
          }
          if (second < 100) return
          for (const pod of (await client.list(pods, { namespace: 'default' })).items) {
            await client.patch(pods, keyOf(pod), { metadata: { finalizers: [] } }, { type: 'merge' })
          }
        },
      },
      3,
    )
    expect(statuses).toBeLessThan(150)
  })

  it('stands still while paused, but completes what has begun', async () => {
    const { moments } = await playToEnd(
      {
        strategy: auto(0, 1),
        meanwhile: async ({ change }, second) => {
          if (second === 10) await change({ paused: true })
          if (second === 300) await change({ paused: false })
        },
      },
      3,
    )
    const paused = moments.filter(({ line }) => Number(line.slice(0, 4)) > 60 && Number(line.slice(0, 4)) < 300)
    expect(paused.map(({ updating }) => updating)).toEqual(paused.map(() => 0))
    expect(paused.at(-1)?.available ?? moments.find(({ line }) => line.includes('Paused'))).toBeDefined()
  })

  it.each([
    { replicas: 5, why: 'grows' },
    { replicas: 1, why: 'shrinks' },
    { replicas: 0, why: 'shrinks to nothing' },
  ])('goes on when the pool $why meanwhile', async ({ replicas }) => {
    for (const strategy of [auto(1, 1), auto(0, 2)]) {
      await playToEnd(
        { strategy, meanwhile: async ({ change }, second) => void (second === 40 && (await change({ replicas }))) },
        replicas,
      )
    }
  })

  it('is called off by the former template: nothing was begun, and what was begun is awaited', async () => {
    for (const when of [2, 15]) {
      const { moments } = await play({
        replicas: 3,
        seed: 'back',
        strategy: auto(0, 1),
        meanwhile: async ({ changeClass }, second) => void (second === when && (await changeClass('small'))),
      })
      expect(moments.at(-1)?.line).toMatch(
        /small: wanted 3, [^|]*Running[^|]* \| large: wanted 0, none \| available 3, NewM/,
      )
      expect(moments.at(-1)).toMatchObject({ available: 3, updating: 0 })
    }
  })

  it('goes on by another strategy', async () => {
    const rolling = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }, inPlaceUpdate: null }
    await playToEnd(
      {
        strategy: auto(0, 1),
        meanwhile: async ({ change }, second) => void (second === 10 && (await change({ strategy: rolling }))),
      },
      3,
    )
  })

  it('replaces a machine whose update fails, and one that nobody reports on', async () => {
    for (const wrong of [{ failed: 'the disk is full' }, 'never' as const]) {
      let spoilt: string | undefined
      const { names, moments } = await playToEnd(
        {
          strategy: auto(0, 1),
          seconds: 3600,
          endOf: (name) => {
            spoilt ??= name
            return name === spoilt ? wrong : 'successful'
          },
        },
        3,
      )
      expect(names).not.toContain(spoilt)
      expect(moments.some(({ line }) => line.includes('InPlaceUpdateFailed'))).toBe(true)
      expect(Math.max(...moments.map(({ servers }) => servers))).toBeLessThanOrEqual(3)
    }
  })

  it('survives the deletion of a machine that is being updated', async () => {
    const { names } = await playToEnd(
      {
        strategy: auto(0, 1),
        meanwhile: async (stage, second) => {
          if (second !== 15) return
          const updating = await first(stage, 'InPlaceUpdating')
          await stage.client.delete(machines, { namespace, name: updating?.metadata.name ?? '' })
        },
      },
      3,
    )
    expect(names).toHaveLength(3)
  })

  it('goes on after the manager was killed, wherever it was', async () => {
    for (const seed of ['a', 'b', 'c']) {
      const random = createSeededRandom(seed)
      const { stage } = await playToEnd(
        {
          seed,
          strategy: auto(1, 1),
          meanwhile: async ({ rig }, second) => {
            if (second > 300 || random.fraction() > 0.2) return
            await rig.stop()
            rig.start()
          },
        },
        3,
      )
      expect(stage.agent.open).toEqual([])
    }
  })

  it('neither loses nor doubles a machine when any write fails', async () => {
    for (const seed of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const random = createSeededRandom(`faults ${seed}`)
      const spoilable = ['machines', 'machinesets', 'machinedeployments', 'nodes']
      let stop: (() => void) | undefined
      let before: readonly string[] = []
      const { names, moments } = await playToEnd(
        {
          seed,
          strategy: auto(0, 1),
          meanwhile: async (stage, second) => {
            if (second === 0) {
              before = (await owners(stage)).map(({ name }) => name)
              stop = stage.client.onCall(({ method, target }) => {
                const writes = ['patch', 'replaceStatus', 'create', 'delete'].includes(method)
                if (writes && spoilable.includes(target) && random.fraction() < 0.2) {
                  throw new Failure('Unavailable', 'the test says no')
                }
              })
            }
            if (second === 600) stop?.()
          },
        },
        3,
      )
      expect(names.sort()).toEqual([...before].sort())
      expect(Math.max(...moments.map(({ servers }) => servers))).toBe(3)
      expect(Math.min(...moments.map(({ available }) => available))).toBeGreaterThanOrEqual(2)
    }
  })

  it('leaves the choice to people where they want it', async () => {
    const { moments, stage } = await play({ replicas: 2, seed: 'manual', strategy: manual, seconds: 60 })
    expect(stage.agent.begun).toEqual([])
    expect(moments.at(-1)?.line).toContain('2 Running CandidateForUpdate | large: wanted 0, none')
  })

  it('never has fewer machines than allowed, nor chooses more, whatever the order of things', async () => {
    for (const [index, [surge, unavailable]] of [
      [1, 0],
      [0, 1],
      [2, 1],
      [0, 3],
      [1, 2],
    ].entries()) {
      const { moments } = await playToEnd(
        { replicas: 5, seed: `bounds-${index}`, strategy: auto(surge ?? 0, unavailable ?? 0) },
        5,
      )
      expect(Math.min(...moments.map(({ available }) => available))).toBeGreaterThanOrEqual(5 - (unavailable ?? 0))
      expect(Math.max(...moments.map(({ servers }) => servers))).toBeLessThanOrEqual(5 + (surge ?? 0))
      expect(Math.max(...moments.map(({ updating }) => updating))).toBeLessThanOrEqual(
        (surge ?? 0) + (unavailable ?? 0),
      )
    }
  })
})
