import type { Random } from '@trellis/foundation/random'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from 'node-wireguard/key'
import type { SecretData } from './secret-store.ts'

/** How many replicas of vpn-shoot there can be; keys are made for all. */
export const mostTunnelReplicas = 2

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

/** Keys of all links of these generations; those that are there already stay. */
export function makeTunnelKeys(
  random: Random,
  generations: readonly TunnelGeneration[],
  present: SecretData = {},
): SecretData {
  const data: Record<string, string> = { [generationsKey]: JSON.stringify(generations) }
  for (const { number } of generations) {
    for (let replica = 0; replica < mostTunnelReplicas; replica++) {
      const name = linkName(replica, number)
      data[`${name}.seed`] = present[`${name}.seed`] ?? generatePrivateKey(random)
      data[`${name}.shoot`] = present[`${name}.shoot`] ?? generatePrivateKey(random)
      data[`${name}.preshared`] = present[`${name}.preshared`] ?? generatePresharedKey(random)
    }
  }
  return data
}

/** Keys of the link of a replica. */
export function linkKeysIn(data: SecretData, replica: number, generation: number): LinkKeys {
  const name = linkName(replica, generation)
  const pair = (side: 'seed' | 'shoot') => {
    const privateKey = data[`${name}.${side}`] ?? ''
    return { privateKey, publicKey: publicKeyOf(privateKey as Parameters<typeof publicKeyOf>[0]) }
  }
  return { seed: pair('seed'), shoot: pair('shoot'), presharedKey: data[`${name}.preshared`] ?? '' }
}

/** What a link's keys are called. */
export function linkName(replica: number, generation: number): string {
  return `link-${replica}-${generation}`
}
