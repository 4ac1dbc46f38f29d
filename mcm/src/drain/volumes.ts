import type { Pod } from '@trellis/api/core/pod'
import type { VolumeAttachment } from '@trellis/api/core/storage'
import { controllerOf } from '../common/ownership.ts'
import { orderedPod, type VolumeObservation } from './decide.ts'
import type { Move } from './moves.ts'
import { claimsOf, graceMilliseconds, hasEnded, mustLeave, type PodClaim, uidOf } from './pods.ts'

/** A persistent volume. */
export interface Volume {
  readonly name: string
  /** How the cluster or the cloud call it, as `Node.status.volumesAttached` may show it, alone or as its last part. */
  readonly ids: readonly string[]
}

/** What was found behind a claim: undefined while that is not known; no volume when none is bound to it. */
export type VolumeOf = (claim: PodClaim) => { readonly volume: Volume | undefined } | undefined

/** All that is known about the volumes of a node's pods. */
export interface VolumeFacts {
  readonly nodeName: string
  readonly pods: readonly Pod[]
  /** Names in `Node.status.volumesAttached`. */
  readonly volumesAttached: readonly string[]
  /** Attachments of this node; undefined until they are known. */
  readonly onNode: readonly VolumeAttachment[] | undefined
  /** All attachments of a volume. */
  readonly ofVolume: (name: string) => readonly VolumeAttachment[]
  readonly volumeOf: VolumeOf
  readonly moves: readonly Move[]
  /** Identities of the pods that this process has asked to go. */
  readonly asked: ReadonlySet<string>
  readonly detachTimeoutMilliseconds: number
  readonly reattachTimeoutMilliseconds: number
}

/** What a node without attached volumes has to say: its pods need no order. */
export function withoutVolumes(
  pods: readonly Pod[],
  moves: readonly Move[],
  reattachTimeoutMilliseconds: number,
): VolumeObservation {
  return {
    here: new Set(),
    elsewhere: new Set(),
    present: presentPods(pods),
    orderly: new Map(),
    unknown: new Set(),
    moves,
    left: [],
    reattachTimeoutMilliseconds,
  }
}

/** Draws from the facts which pods need order, what is attached where, and what is left. */
export function observeVolumes(facts: VolumeFacts): VolumeObservation {
  const { pods, onNode, moves, reattachTimeoutMilliseconds } = facts
  const users = volumesByPod(facts)
  const known = [...users.values()].flatMap((volumes) => volumes ?? []).map(({ volume }) => volume)
  const attached = attachedHere(facts, known)
  const orderly = orderlyPods(users, attached)
  const withClaims = pods.filter((pod) => mustLeave(pod) && claimsOf(pod).length > 0).map(uidOf)
  const unknown = withClaims.filter((uid) => onNode === undefined || users.get(uid) === undefined)
  const adopted = adoptMoves(facts, orderly)
  const elsewhere = [...moves, ...adopted].flatMap(({ volumes }) => volumes).filter((name) => isElsewhere(facts, name))
  return {
    here: new Set(attached.values()),
    elsewhere: new Set(elsewhere),
    present: presentPods(pods),
    orderly,
    unknown: new Set(unknown),
    moves: [...moves, ...adopted],
    left: leftVolumes(facts, users, attached),
    reattachTimeoutMilliseconds,
  }
}

/** The move of a pod that was asked at an instant, or knows itself when it will have to be gone. */
export function moveOf(
  pod: Pod,
  volumes: readonly string[],
  { askedAt, detachTimeoutMilliseconds }: { readonly askedAt: number; readonly detachTimeoutMilliseconds: number },
): Move {
  const { deletionTimestamp } = pod.metadata
  // The instant of deletion lies in the future: it has the grace period in it.
  const gone = deletionTimestamp === undefined ? askedAt + graceMilliseconds(pod) : Date.parse(deletionTimestamp)
  return {
    ...orderedPod(pod, volumes),
    detachBy: gone + detachTimeoutMilliseconds,
    returns: controllerOf(pod) !== undefined,
  }
}

interface UsedVolume {
  readonly volume: Volume
  readonly ephemeral: boolean
}
type VolumesByPod = ReadonlyMap<string, readonly UsedVolume[] | undefined>

/** Volumes by pod, of pods that hold any; undefined for those not known yet. */
function volumesByPod({ pods, volumeOf }: VolumeFacts): VolumesByPod {
  const users = new Map<string, readonly UsedVolume[] | undefined>()
  for (const pod of pods) {
    const claims = hasEnded(pod) ? [] : claimsOf(pod)
    if (claims.length === 0) continue
    const found = claims.map((claim) => ({ claim, answer: volumeOf(claim) }))
    const missing = found.some(({ answer }) => answer === undefined)
    const used = found.flatMap(({ claim: { ephemeral }, answer }) =>
      answer?.volume === undefined ? [] : [{ volume: answer.volume, ephemeral }],
    )
    users.set(uidOf(pod), missing ? undefined : used)
  }
  return users
}

/** Names of what is attached to this node, by how it was found: by attachment or by entry of the node's status. */
function attachedHere(
  { onNode = [], volumesAttached }: VolumeFacts,
  known: readonly Volume[],
): ReadonlyMap<string, string> {
  const attached = new Map<string, string>()
  for (const { metadata, spec } of onNode) {
    attached.set(`attachment ${metadata.name}`, spec.source.persistentVolumeName ?? metadata.name)
  }
  for (const entry of volumesAttached) {
    const volume = known.find(({ ids }) => ids.some((id) => isNamed(entry, id)))
    attached.set(entry, volume?.name ?? entry)
  }
  return attached
}

/** Whether an entry such as `kubernetes.io/csi/driver^id` means the volume with that id. */
function isNamed(entry: string, id: string): boolean {
  return entry === id || entry.endsWith(`^${id}`) || entry.endsWith(`/${id}`)
}

function orderlyPods(
  users: VolumesByPod,
  attached: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly string[]> {
  const here = new Set(attached.values())
  const pods = new Map<string, number>()
  for (const used of users.values()) {
    for (const name of new Set(used?.map(({ volume }) => volume.name))) pods.set(name, (pods.get(name) ?? 0) + 1)
  }
  const orderly = new Map<string, readonly string[]>()
  for (const [uid, used = []] of users) {
    const own = used.filter(
      ({ volume, ephemeral }) => !ephemeral && here.has(volume.name) && pods.get(volume.name) === 1,
    )
    if (own.length > 0) orderly.set(uid, [...new Set(own.map(({ volume }) => volume.name))])
  }
  return orderly
}

/** Pods that somebody else asked to go, or this process in an earlier life, move as well. */
function adoptMoves(facts: VolumeFacts, orderly: ReadonlyMap<string, readonly string[]>): readonly Move[] {
  const known = new Set(facts.moves.map(({ uid }) => uid))
  return facts.pods.flatMap((pod) => {
    const volumes = orderly.get(uidOf(pod))
    const going = mustLeave(pod) && pod.metadata.deletionTimestamp !== undefined
    if (volumes === undefined || !going || known.has(uidOf(pod)) || facts.asked.has(uidOf(pod))) return []
    return [moveOf(pod, volumes, { ...facts, askedAt: 0 })]
  })
}

function isElsewhere({ ofVolume, nodeName }: VolumeFacts, name: string): boolean {
  return ofVolume(name).some(({ spec, status }) => spec.nodeName !== nodeName && status?.attached === true)
}

function leftVolumes(
  { pods }: VolumeFacts,
  users: VolumesByPod,
  attached: ReadonlyMap<string, string>,
): readonly string[] {
  const staying = pods.filter((pod) => !mustLeave(pod))
  const kept = new Set(staying.flatMap((pod) => (users.get(uidOf(pod)) ?? []).map(({ volume }) => volume.name)))
  return [...new Set(attached.values())].filter((name) => !kept.has(name)).sort()
}

function presentPods(pods: readonly Pod[]): ReadonlySet<string> {
  return new Set(pods.map(uidOf))
}
