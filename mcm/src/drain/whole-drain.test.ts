import type { Pod } from '@trellis/api/core/pod'
import type { VolumeAttachment } from '@trellis/api/core/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epoch, podNamed } from '../../testing/objects.ts'
import { decideDrain, type EvictionAttempts } from './decide.ts'
import { isUnderWay, type Move, mostVolumesMoving, stageOf } from './moves.ts'
import { mustLeave, uidOf } from './pods.ts'
import { moveOf, observeVolumes } from './volumes.ts'

/** How a pod and its volumes behave, in seconds; undefined is never. */
interface Behaviour {
  readonly name: string
  readonly priority: number
  readonly owner: string | undefined
  readonly volumes: readonly string[]
  /** Evictions before this second are refused. */
  readonly refusedFor: number
  readonly stopsAfter: number
  readonly detachesAfter: number | undefined
  readonly attachesAfter: number | undefined
}

const second = 1000
const graceSeconds = 30
const detachTimeoutMilliseconds = 120 * second
const reattachTimeoutMilliseconds = 90 * second
const evictSeconds = 300

function podOf({ name, priority, owner, volumes }: Behaviour): Pod {
  const owners =
    owner === undefined
      ? []
      : [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: owner, uid: owner, controller: true }]
  return {
    ...podNamed(name, { metadata: { ownerReferences: owners } }),
    spec: {
      containers: [],
      priority,
      terminationGracePeriodSeconds: graceSeconds,
      volumes: volumes.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
    },
  }
}

/** Plays kubelet, API server and whoever attaches, second by second. */
function createWorld(behaviours: readonly Behaviour[]) {
  const gone = new Map<string, number>()
  const asked = new Map<string, number>()
  const users = (volume: string) => behaviours.filter(({ volumes }) => volumes.includes(volume))
  const every = [...new Set(behaviours.flatMap(({ volumes }) => volumes))]
  const lastGone = (volume: string) => {
    const instants = users(volume).map(({ name }) => gone.get(name))
    return instants.some((instant) => instant === undefined) ? undefined : Math.max(...(instants as number[]))
  }
  const after = (instant: number | undefined, seconds: number | undefined) =>
    instant === undefined || seconds === undefined ? Number.POSITIVE_INFINITY : instant + seconds * second
  const detachedAt = (volume: string) => after(lastGone(volume), users(volume)[0]?.detachesAfter)
  const attachedAt = (volume: string) => after(detachedAt(volume), users(volume)[0]?.attachesAfter)
  return {
    asked,
    /** Whether it is granted. */
    ask: (name: string, now: number): boolean => {
      const behaviour = behaviours.find((one) => one.name === name)
      if (behaviour === undefined || now < epoch + behaviour.refusedFor * second) return false
      if (!asked.has(name)) asked.set(name, now)
      return true
    },
    pass: (now: number) => {
      for (const { name, stopsAfter } of behaviours) {
        const instant = asked.get(name)
        if (instant !== undefined && now >= instant + stopsAfter * second && !gone.has(name)) gone.set(name, now)
      }
    },
    pods: (): readonly Pod[] =>
      behaviours
        .filter(({ name }) => !gone.has(name))
        .map((behaviour) => {
          const pod = podOf(behaviour)
          const instant = asked.get(behaviour.name)
          if (instant === undefined) return pod
          const deletionTimestamp = new Date(instant + graceSeconds * second).toISOString()
          return { ...pod, metadata: { ...pod.metadata, deletionTimestamp } }
        }),
    attachments: (now: number): readonly VolumeAttachment[] =>
      every.flatMap((volume) => [
        ...(now < detachedAt(volume) ? [attachmentOf(volume, 'here')] : []),
        ...(now >= attachedAt(volume) ? [attachmentOf(volume, 'there')] : []),
      ]),
  }
}

function attachmentOf(volume: string, nodeName: string): VolumeAttachment {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: `${volume}-${nodeName}` },
    spec: { attacher: 'csi', nodeName, source: { persistentVolumeName: volume } },
    status: { attached: true },
  }
}

/** Drains a world and checks at each instant what must never be. Returns the seconds it took. */
function drain(behaviours: readonly Behaviour[]): {
  readonly seconds: number
  readonly leftAttached: readonly string[]
} {
  const world = createWorld(behaviours)
  const attempts = new Map<string, EvictionAttempts>()
  let moves: readonly Move[] = []
  let emptySince: number | undefined
  for (let now = epoch; now < epoch + 40_000 * second; now += second) {
    world.pass(now)
    const pods = world.pods()
    const attachments = world.attachments(now)
    if (!pods.some(mustLeave)) emptySince ??= now
    const volumes = observeVolumes({
      nodeName: 'here',
      pods,
      volumesAttached: [],
      onNode: attachments.filter(({ spec }) => spec.nodeName === 'here'),
      ofVolume: (name) => attachments.filter(({ spec }) => spec.source.persistentVolumeName === name),
      volumeOf: ({ name }) => ({ volume: { name, ids: [] } }),
      moves,
      asked: new Set(attempts.keys()),
      detachTimeoutMilliseconds,
      reattachTimeoutMilliseconds,
    })
    const decision = decideDrain(
      {
        pods,
        attempts,
        verdicts: new Map(),
        volumes,
        forcedSince: undefined,
        evictUntil: epoch + evictSeconds * second,
        volumesUntil: (emptySince ?? now) + detachTimeoutMilliseconds,
      },
      now,
    )
    moves = decision.moves
    if (decision.finished) {
      expect(pods).toEqual([])
      expect(world.asked.size).toBe(behaviours.length)
      if (now < (emptySince ?? now) + detachTimeoutMilliseconds) expect(volumes.left).toEqual([])
      return { seconds: (now - epoch) / second, leftAttached: decision.leftAttached }
    }
    expect(decision.nextAt).toBeGreaterThan(now)
    for (const { pod, how, ordered } of decision.removals) {
      expect(how).toBe(now >= epoch + evictSeconds * second ? 'delete' : 'evict')
      const granted = how === 'delete' || world.ask(pod.metadata.name, now)
      if (how === 'delete') world.asked.set(pod.metadata.name, world.asked.get(pod.metadata.name) ?? now)
      const tries = (attempts.get(uidOf(pod))?.tries ?? 0) + 1
      const refusal = granted ? {} : { refusal: 'no', refusedSince: epoch }
      attempts.set(uidOf(pod), { tries, how, at: now, notBefore: now + (granted ? 15 : 20) * second, ...refusal })
      if (granted && ordered !== undefined) {
        moves = [...moves, moveOf(pod, ordered.volumes, { askedAt: now, detachTimeoutMilliseconds })]
      }
    }
    const moving = moves.filter((move) => isUnderWay(stageOf(move, volumes, now)))
    checkOrder(moving)
  }
  expect.unreachable('the drain never ended')
}

function checkOrder(moving: readonly Move[]): void {
  const volumes = moving.flatMap((move) => move.volumes)
  expect(new Set(volumes).size).toBe(volumes.length)
  expect(new Set(moving.map(({ uid }) => uid)).size).toBe(moving.length)
  if (moving.length > 1) expect(volumes.length).toBeLessThanOrEqual(mostVolumesMoving)
  const owners = moving.map(({ controller }) => controller).filter((owner) => owner !== undefined)
  expect(new Set(owners).size).toBe(owners.length)
}

const stateful = (index: number, changes: Partial<Behaviour> = {}): Behaviour => ({
  name: `pod-${String(index).padStart(2, '0')}`,
  priority: 0,
  owner: `set-${index}`,
  volumes: [`volume-${index}`],
  refusedFor: 0,
  stopsAfter: 5,
  detachesAfter: 10,
  attachesAfter: 15,
  ...changes,
})

describe('a whole drain', () => {
  it('takes forty pods of forty sets in four waves, not in forty', () => {
    const { seconds } = drain(Array.from({ length: 40 }, (_, index) => stateful(index)))
    // Three waves of 30 s until volumes are attached elsewhere; the last one only has to be detached.
    expect(seconds).toBeLessThanOrEqual(4 * 32)
    expect(seconds).toBeGreaterThanOrEqual(3 * 30 + 15)
  })

  it('takes the pods of one set one after another', () => {
    const { seconds } = drain(Array.from({ length: 4 }, (_, index) => stateful(index, { owner: 'set' })))
    expect(seconds).toBeGreaterThanOrEqual(3 * 30 + 15)
  })

  it('waits no longer than its time for volumes that nobody attaches, and not at all at the end', () => {
    const alone = stateful(0, { attachesAfter: undefined })
    expect(drain([alone]).seconds).toBeLessThanOrEqual(16)
    const { seconds } = drain([alone, stateful(1, { owner: 'set-0' })])
    expect(seconds).toBeGreaterThanOrEqual(15 + 90 + 15)
    expect(seconds).toBeLessThanOrEqual(15 + 90 + 15 + 5)
  })

  it('says which volumes did not follow their pods', () => {
    const { leftAttached, seconds } = drain([stateful(0, { detachesAfter: undefined }), stateful(1)])
    expect(leftAttached).toEqual(['volume-0'])
    expect(seconds).toBeLessThanOrEqual(160)
  })

  it('moves pods that share a volume without waiting for it between them', () => {
    const shared = { volumes: ['shared'], owner: undefined }
    expect(drain([stateful(0, shared), stateful(1, shared)]).seconds).toBeLessThanOrEqual(16)
  })

  it('ends whatever pods and volumes do, asks everybody, and keeps the order throughout', () => {
    const seconds = (max: number) => fc.integer({ min: 0, max })
    const behaviour = fc.record({
      priority: fc.constantFrom(-10, 0, 0, 0, 1000),
      owner: fc.constantFrom(undefined, 'a', 'b', 'c'),
      volumes: fc.uniqueArray(fc.constantFrom('u', 'v', 'w', 'x', 'y', 'z'), { maxLength: 3 }),
      refusedFor: fc.constantFrom(0, 0, 0, 100, 99_999),
      stopsAfter: seconds(60),
      detachesAfter: fc.option(seconds(200), { nil: undefined }),
      attachesAfter: fc.option(seconds(120), { nil: undefined }),
    })
    const property = fc.property(fc.array(behaviour, { minLength: 1, maxLength: 9 }), (shapes) => {
      drain(shapes.map((shape, index) => ({ ...shape, name: `pod-${index}` })))
    })
    fc.assert(property, { numRuns: 60 })
  }, 30_000)
})
