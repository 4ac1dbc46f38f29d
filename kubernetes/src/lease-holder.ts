import { type Lease, leases } from '@trellis/api/core/lease'
import type { Clock } from '@trellis/foundation/clock'
import { isFailure } from '@trellis/foundation/failure'
import type { Client } from './client.ts'
import { microTime } from './micro-time.ts'

/** One candidate's hand on a Lease. */
export interface LeaseHolder {
  /** Takes or renews the Lease: `taken` means that somebody else holds it. Throws what the client throws. */
  tryToHold(): Promise<'held' | 'taken'>
  /** Gives the Lease back if this candidate still has it. */
  release(): Promise<void>
}

/** What a holder is made of. */
export interface LeaseHolderOptions {
  readonly client: Client
  readonly clock: Clock
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly leaseDurationMilliseconds: number
}

/**
 * Makes a holder. Whether another one's Lease has run out is judged only by how long this process has seen it unchanged,
 * so clocks of different machines need not agree.
 */
export function createLeaseHolder(options: LeaseHolderOptions): LeaseHolder {
  const { client, clock, identity } = options
  const key = { namespace: options.namespace, name: options.name }
  let seen: { readonly lease: Lease; readonly since: number } | undefined

  const observe = (lease: Lease): Lease => {
    if (seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) seen = { lease, since: clock.now() }
    return lease
  }
  const isMine = (lease: Lease | undefined) => lease?.spec?.holderIdentity === identity
  const hasRunOut = (lease: Lease) => {
    const seconds = lease.spec?.leaseDurationSeconds ?? options.leaseDurationMilliseconds / 1000
    return clock.now() >= (seen?.since ?? clock.now()) + seconds * 1000
  }
  const write = async (lease: Lease) => {
    observe(await client.replace(leases, { ...lease, spec: nextSpec(lease.spec, identity, options, clock.now()) }))
    return 'held' as const
  }
  const create = async () => {
    const spec = nextSpec(undefined, identity, options, clock.now())
    observe(await client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec }))
    return 'held' as const
  }
  /** The usual case, a renewal, takes one request. */
  const renewUnread = async () => {
    const known = seen?.lease
    if (known === undefined || !isMine(known)) return undefined
    try {
      return await write(known)
    } catch (error) {
      if (isFailure(error, 'Conflict', 'NotFound')) return undefined
      throw error
    }
  }
  const mayTake = (lease: Lease) => (lease.spec?.holderIdentity ?? '') === '' || isMine(lease) || hasRunOut(lease)
  return {
    tryToHold: async () => {
      const renewed = await renewUnread()
      if (renewed !== undefined) return renewed
      const lease = await client.find(leases, key)
      if (lease === undefined) return create()
      observe(lease)
      return mayTake(lease) ? write(lease) : 'taken'
    },
    release: async () => {
      const lease = await client.find(leases, key)
      if (lease === undefined || !isMine(lease)) return
      const { holderIdentity: _, ...spec } = lease.spec ?? {}
      const renewTime = microTime(clock.now())
      await client.replace(leases, { ...lease, spec: { ...spec, leaseDurationSeconds: 1, renewTime } })
    },
  }
}

function nextSpec(
  before: Lease['spec'],
  identity: string,
  { leaseDurationMilliseconds }: LeaseHolderOptions,
  now: number,
): NonNullable<Lease['spec']> {
  const renewTime = microTime(now)
  const duration = { leaseDurationSeconds: Math.ceil(leaseDurationMilliseconds / 1000) }
  if (before === undefined) {
    return { holderIdentity: identity, ...duration, acquireTime: renewTime, renewTime, leaseTransitions: 0 }
  }
  if (before.holderIdentity === identity) return { ...before, ...duration, renewTime }
  const leaseTransitions = (before.leaseTransitions ?? 0) + 1
  return { ...before, holderIdentity: identity, ...duration, acquireTime: renewTime, renewTime, leaseTransitions }
}
