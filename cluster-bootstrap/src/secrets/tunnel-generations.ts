import type { Random } from '@trellis/foundation/random'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import { type LinkPlace, linkPlaces } from '../shoot/tunnel-ports.ts'
import type { SecretData } from './secret-store.ts'

/** How many replicas of vpn-shoot there can be; keys are made for all. */
export const mostTunnelReplicas = 2
/** How many replicas of the API server there can be; keys are made for those that are wanted. */
export const mostApiServerReplicas = 2

/** Keys of all links of a tunnel that were made together. */
export interface TunnelGeneration {
  /** 0, 1, 2…; two that follow each other may be in use at once. */
  readonly number: number
  /** Instant. */
  readonly madeAt: number
}

const dayMilliseconds = 24 * 60 * 60 * 1000
/** Age at which keys are followed by others. */
export const generationLifeMilliseconds = 90 * dayMilliseconds
/** How long two generations stay side by side: by then both ends have read their mounted Secrets and use the new links. */
export const generationOverlapMilliseconds = 30 * 60 * 1000

/**
 * The generations that there should be now: one; two for a while when the newest is too old; then the newer alone. Each end
 * takes links with new keys beside the old ones and loses nothing (decision 35).
 */
export function planGenerations(present: readonly TunnelGeneration[], now: number): readonly TunnelGeneration[] {
  const newest = present.at(-1)
  if (newest === undefined) return [{ number: 0, madeAt: now }]
  const age = now - newest.madeAt
  if (present.length > 1) return age < generationOverlapMilliseconds ? present.slice(-2) : [newest]
  return age < generationLifeMilliseconds ? present : [newest, { number: newest.number + 1, madeAt: now }]
}

const generationsKey = 'generations.json'

/** The generations whose keys are in a Secret; none when it holds none. */
export function generationsIn(data: SecretData): readonly TunnelGeneration[] {
  try {
    return JSON.parse(data[generationsKey] ?? '[]')
  } catch {
    return []
  }
}

/** Keys of one link as text, with their names in the Secret. */
export interface LinkKeys {
  readonly seed: { readonly privateKey: string; readonly publicKey: string }
  readonly shoot: { readonly privateKey: string; readonly publicKey: string }
  readonly presharedKey: string
}

/** Of which links keys are wanted: those to so many API servers, of these generations. */
export interface WantedKeys {
  readonly generations: readonly TunnelGeneration[]
  readonly apiServerReplicas: number
}

/** Keys of all links of these generations to so many replicas of the API server; those that are there already stay. */
export function makeTunnelKeys(random: Random, wanted: WantedKeys, present: SecretData = {}): SecretData {
  const data: Record<string, string> = { [generationsKey]: JSON.stringify(wanted.generations) }
  for (const place of linksOf(wanted)) {
    const name = linkName(place)
    data[`${name}.seed`] = present[`${name}.seed`] ?? generatePrivateKey(random)
    data[`${name}.shoot`] = present[`${name}.shoot`] ?? generatePrivateKey(random)
    data[`${name}.preshared`] = present[`${name}.preshared`] ?? generatePresharedKey(random)
  }
  return data
}

/** Whether a Secret has the keys of all these links; more do no harm. */
export function hasTunnelKeys(data: SecretData, wanted: WantedKeys): boolean {
  return linksOf(wanted).every((place) => data[`${linkName(place)}.preshared`] !== undefined)
}

function linksOf({ apiServerReplicas, generations }: WantedKeys): readonly LinkPlace[] {
  return linkPlaces({ apiServerReplicas, tunnelReplicas: mostTunnelReplicas }, generations)
}

/** Keys of a link. */
export function linkKeysIn(data: SecretData, place: LinkPlace): LinkKeys {
  const name = linkName(place)
  const pair = (side: 'seed' | 'shoot') => {
    const privateKey = data[`${name}.${side}`] ?? ''
    return { privateKey, publicKey: publicKeyOf(privateKey as Parameters<typeof publicKeyOf>[0]) }
  }
  return { seed: pair('seed'), shoot: pair('shoot'), presharedKey: data[`${name}.preshared`] ?? '' }
}

/** What a link's keys are called; those to the first API server as when there was no other. */
export function linkName({ seedReplica, shootReplica, generation }: LinkPlace): string {
  return `${seedReplica === 0 ? '' : `seed-${seedReplica}-`}link-${shootReplica}-${generation}`
}
