import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { AddressBook } from './address-book.ts'
import type { Range } from './addresses.ts'
import { idPrefixes, idSuffixLength, type ResourceKind } from './names.ts'
import type { Networker } from './networker.ts'
import type { NetworkRecord } from './records.ts'
import type { Store } from './store.ts'

/** What every service of the cloud works with. */
export interface ServiceContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Store
  readonly addresses: AddressBook
  readonly networker: Networker
  readonly publicRange: Range
  /** Networks that are being removed: nothing new may be put into them. */
  readonly closing: Set<string>
}

/** An answer that made something, or found it made already. */
export interface Made<Value> {
  readonly made: boolean
  readonly value: Value
}

/** An id that no resource of that sort has. */
export function newId({ random, store }: ServiceContext, kind: ResourceKind): string {
  for (;;) {
    const id = `${idPrefixes[kind]}-${random.text(idSuffixLength)}`
    if (store.find(kind, id) === undefined && !store.isUnreadable(kind, id)) return id
  }
}

/** The present instant as text. */
export function instant({ clock }: ServiceContext): string {
  return new Date(clock.now()).toISOString()
}

/** The network of that id or name into which something is to be put; throws `Invalid` that names the field when there is none, `Conflict` when it is being removed. */
export function networkFor({ store, closing }: ServiceContext, idOrName: string): NetworkRecord {
  const network = findNetwork(store, idOrName)
  if (network === undefined) {
    throw new Failure('Invalid', `there is no network "${idOrName}"`, {
      field: 'network',
      remedy: 'create the network first, or name one of the list of networks',
    })
  }
  if (!closing.has(network.id)) return network
  throw new Failure('Conflict', `network ${network.name} is being deleted`, { field: 'network' })
}

/** The network of that id or, if there is none, of that name. */
export function findNetwork(store: Store, idOrName: string): NetworkRecord | undefined {
  return store.find('network', idOrName) ?? store.list('network').find((network) => network.name === idOrName)
}

/** Whether a resource lies in the selected network; anything fits when none is selected. */
export function inNetwork(store: Store, selected: string | undefined): (resource: { network: string }) => boolean {
  if (selected === undefined) return () => true
  const id = findNetwork(store, selected)?.id
  return (resource) => resource.network === id
}
