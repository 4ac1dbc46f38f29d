import type { Pod } from '@trellis/api/core/pod'
import type { VolumeAttachment } from '@trellis/api/core/storage'
import { describe, expect, it } from 'vitest'
import { at, epoch, podNamed } from '../../testing/objects.ts'
import { observeVolumes, type VolumeFacts } from './volumes.ts'

type Using = {
  readonly volumes?: readonly string[]
  readonly ephemeral?: boolean
  readonly metadata?: Pod['metadata'] | object
  readonly phase?: string
}

function podUsing(name: string, { volumes = [], ephemeral = false, metadata = {}, phase = 'Running' }: Using): Pod {
  const source = (claimName: string) => (ephemeral ? { ephemeral: {} } : { persistentVolumeClaim: { claimName } })
  return {
    ...podNamed(name, { metadata, phase }),
    spec: { containers: [], volumes: volumes.map((volume) => ({ name: volume, ...source(volume) })) },
  }
}

function attachment(volume: string, nodeName = 'here', attached = true): VolumeAttachment {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: `${volume}-${nodeName}` },
    spec: { attacher: 'csi', nodeName, source: { persistentVolumeName: volume } },
    status: { attached },
  }
}

function observe(pods: readonly Pod[], attachments: readonly VolumeAttachment[], changes: Partial<VolumeFacts> = {}) {
  return observeVolumes({
    nodeName: 'here',
    pods,
    volumesAttached: [],
    onNode: attachments.filter(({ spec }) => spec.nodeName === 'here'),
    ofVolume: (name) => attachments.filter(({ spec }) => spec.source.persistentVolumeName === name),
    volumeOf: ({ name }) => ({ volume: { name, ids: [`id-${name}`] } }),
    moves: [],
    asked: new Set(),
    detachTimeoutMilliseconds: 120_000,
    reattachTimeoutMilliseconds: 90_000,
    ...changes,
  })
}

const orderlyOf = (seen: ReturnType<typeof observe>) => Object.fromEntries(seen.orderly)
const daemon = {
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd', controller: true }],
}

describe('observeVolumes', () => {
  it('gives order to pods with volumes that are attached here', () => {
    const pods = [
      podUsing('a', { volumes: ['v1', 'v2', 'files'] }),
      podUsing('b', { volumes: ['files2'] }),
      podUsing('c', {}),
    ]
    const seen = observe(pods, [attachment('v1'), attachment('v2'), attachment('files2', 'there')])
    expect(orderlyOf(seen)).toEqual({ 'uid-a': ['v1', 'v2'] })
    expect([...seen.unknown]).toEqual([])
    expect(seen.left).toEqual(['v1', 'v2'])
  })

  it('leaves volumes out that several pods use', () => {
    const pods = [podUsing('a', { volumes: ['shared', 'own'] }), podUsing('b', { volumes: ['shared'] })]
    expect(orderlyOf(observe(pods, [attachment('shared'), attachment('own')]))).toEqual({ 'uid-a': ['own'] })
  })

  it('counts one pod that uses a volume twice as one', () => {
    expect(orderlyOf(observe([podUsing('a', { volumes: ['v', 'v'] })], [attachment('v')]))).toEqual({ 'uid-a': ['v'] })
  })

  it('leaves volumes out that go with their pod, and pods that hold none any more', () => {
    const pods = [
      podUsing('a', { volumes: ['x'], ephemeral: true }),
      podUsing('b', { volumes: ['y'], phase: 'Succeeded' }),
    ]
    const volumeOf: VolumeFacts['volumeOf'] = ({ name }) => ({ volume: { name: name === 'a-x' ? 'x' : name, ids: [] } })
    const seen = observe(pods, [attachment('x'), attachment('y')], { volumeOf })
    expect(orderlyOf(seen)).toEqual({})
    expect(seen.left).toEqual(['x', 'y'])
  })

  it('holds pods back whose volumes are not known yet, and only them', () => {
    const pods = [
      podUsing('a', { volumes: ['v'] }),
      podUsing('b', {}),
      podUsing('d', { volumes: ['w'], metadata: daemon }),
    ]
    expect([...observe(pods, [], { volumeOf: () => undefined }).unknown]).toEqual(['uid-a'])
    expect([...observe(pods, [], { onNode: undefined }).unknown]).toEqual(['uid-a'])
  })

  it('does not wait for volumes of pods that stay', () => {
    const pods = [podUsing('d', { volumes: ['w'], metadata: daemon })]
    expect(observe(pods, [attachment('w')], { volumesAttached: ['csi^id-w', 'csi^other'] }).left).toEqual(['csi^other'])
  })

  it.each([
    { entry: 'kubernetes.io/csi/ebs.csi^id-v', here: true },
    { entry: 'kubernetes.io/gce-pd/id-v', here: true },
    { entry: 'id-v', here: true },
    { entry: 'kubernetes.io/csi/ebs.csi^id-v2', here: false },
    { entry: 'kubernetes.io/csi/ebs.csi^my-id-v', here: false },
  ])('recognizes a volume in the status of a node by its id as a whole: $entry, $here', ({ entry, here }) => {
    const seen = observe([podUsing('a', { volumes: ['v'] })], [], { volumesAttached: [entry] })
    expect(seen.orderly.has('uid-a')).toBe(here)
    expect(seen.left).toEqual([here ? 'v' : entry])
  })

  it('takes over pods that go already, with the time that they were given', () => {
    const going = podUsing('a', {
      volumes: ['v'],
      metadata: { deletionTimestamp: at(30), ...daemon, ownerReferences: [] },
    })
    const [move] = observe([going], [attachment('v')]).moves
    expect(move).toMatchObject({ uid: 'uid-a', volumes: ['v'], returns: false, detachBy: epoch + 150_000 })
    // One that was asked without an order, as it shared its volume then, needs none later.
    expect(observe([going], [attachment('v')], { asked: new Set(['uid-a']) }).moves).toEqual([])
  })

  it('sees where volumes of moves are attached', () => {
    const moves = [
      { uid: 'uid-a', pod: 'a', priority: 0, controller: 's', volumes: ['v', 'w', 'x'], detachBy: 0, returns: true },
    ]
    const attachments = [attachment('v', 'there'), attachment('w', 'there', false), attachment('x')]
    const seen = observe([], attachments, { moves })
    expect([...seen.elsewhere]).toEqual(['v'])
    expect([...seen.here]).toEqual(['x'])
  })
})
