import type { IpAddress } from 'node-wireguard/address'
import { type Message, readMessage } from '../wireguard/message.ts'
import type { Flow, FlowTable } from './flow-table.ts'
import type { KeyRing } from './key-ring.ts'
import type { Sessions } from './sessions.ts'
import { type Source, sourceKeyOf, sourceNetworkOf } from './source.ts'
import { createTokenBucket, createTokenBuckets, type Rate } from './token-bucket.ts'

/**
 * Why a packet goes no further: it is none of WireGuard's; its sender's network sends too much that has to be looked at; there was too much to look at from all together; its handshake
 * is for nobody here; its session is not known.
 */
export type DropReason = 'malformed' | 'network-limit' | 'work-limit' | 'unknown-key' | 'unknown-session'

/** What becomes of a packet. */
export type Verdict =
  | { readonly flow: Flow; readonly message: Message; readonly ended: readonly Flow[] }
  | { readonly drop: DropReason }

/** How much looking there may be. */
export interface SortingLimits {
  /** Handshakes from one network, and packets of its sources that are not known besides: whoever lost his flow and goes on sending keeps nobody from a handshake. */
  readonly perNetwork: Rate
  /** Keys that are tried on handshakes of sources and addresses that were not answered before. */
  readonly keyChecks: Rate
}

/** Decides for each packet which destination it is for. */
export interface Sorter {
  sort(source: Source, bytes: Buffer, now: number): Verdict
  /** Learns from what a destination sends to the flow's source. */
  answered(flow: Flow, bytes: Buffer, now: number): AnswerVerdict
  /** Has the sorter know that this destination has clients at this source's address. */
  remember(flow: Flow): void
  setKeys(keys: KeyRing): void
}

/** What became of an answer: whether it may go on, whether it was the first of its flow, and what it ended. */
export type AnswerVerdict =
  | { readonly passes: false }
  | { readonly passes: true; readonly first: boolean; readonly ended: readonly Flow[] }

const networksKept = 8192
const addressesKept = 8192
const destinationsPerAddress = 16

/** A sorter that knows nobody yet. */
export function createSorter(options: {
  readonly flows: FlowTable
  readonly sessions: Sessions
  readonly keys: KeyRing
  readonly limits: SortingLimits
  readonly now: number
  /** Addresses of servers that have TLS connections from an address now: where its tunnels go inside TLS. */
  readonly neighbours?: (address: IpAddress) => readonly IpAddress[]
}): Sorter {
  const { flows, sessions, limits } = options
  let { keys } = options
  const askers = createTokenBuckets(limits.perNetwork, networksKept)
  const strangers = createTokenBuckets(limits.perNetwork, networksKept)
  const work = createTokenBucket(limits.keyChecks, options.now)
  const addresses = createAddressMemory()

  function destinationOf(source: Source, initiation: Buffer, now: number): { name: string } | { drop: DropReason } {
    // Whoever was answered before costs one check or few, and is not held up by a flood of others.
    const known = flows.find(sourceKeyOf(source))
    const likely = new Set([...(known === undefined ? [] : [known.destination]), ...addresses.of(source.address)])
    const guess = keys.findAmong(initiation, likely)
    if (guess.name !== undefined) return { name: guess.name }
    if (!work.hasAny(now)) return { drop: 'work-limit' }
    const { name, checks } = keys.find(initiation)
    work.spend(checks, now)
    return name === undefined ? { drop: 'unknown-key' } : { name }
  }

  function sort(source: Source, bytes: Buffer, now: number): Verdict {
    const message = readMessage(bytes)
    if (message === undefined) return { drop: 'malformed' }
    const known = flows.find(sourceKeyOf(source))
    if (message.kind !== 'initiation' && known?.answered === true) {
      flows.touch(known, now)
      return { flow: known, message, ended: [] }
    }
    const bucket = message.kind === 'initiation' ? askers : strangers
    if (!bucket.take(sourceNetworkOf(source.address), now)) return { drop: 'network-limit' }
    if (message.kind === 'initiation') {
      const found = destinationOf(source, bytes, now)
      return 'drop' in found ? found : begun(source, found.name, message, now)
    }
    const session = sessions.find(message.receiver, now)
    const name = session !== undefined && keys.get(session) !== undefined ? session : guess(source, known)
    return name === undefined ? { drop: 'unknown-session' } : begun(source, name, message, now)
  }

  /**
   * A tunnel that began inside TLS has shown its session to nobody here. When it tries UDP it is for a destination beside a server that its address has connections to: each
   * of them in turn, one for each packet, until one answers.
   */
  function guess(source: Source, tried: Flow | undefined): string | undefined {
    const names = keys.namesAt(options.neighbours?.(source.address) ?? [])
    const last = tried === undefined ? -1 : names.indexOf(tried.destination)
    return names.length === 0 ? tried?.destination : names[(last + 1) % names.length]
  }

  function begun(source: Source, name: string, message: Message, now: number): Verdict {
    const { flow, ended } = flows.begin(source, name, now)
    // A claim that waits is not kept up by repeating it: what was never answered makes room in time.
    if (flow.answered) flows.touch(flow, now)
    return { flow, message, ended }
  }

  return {
    sort,
    answered: (flow, bytes, now) => {
      const message = readMessage(bytes)
      if (message === undefined) return { passes: false }
      if (message.kind === 'response' || message.kind === 'initiation') {
        sessions.learn(message.sender, flow.destination, now)
      }
      // A cookie answers anybody: it asks who somebody is and does not know it.
      if (message.kind === 'cookie') return { passes: true, first: false, ended: [] }
      const first = !flow.answered
      const ended = flows.answer(flow, now)
      if (first) addresses.add(flow.source.address, flow.destination)
      return { passes: true, first, ended }
    },
    remember: (flow) => addresses.add(flow.source.address, flow.destination),
    setKeys: (next) => {
      keys = next
    },
  }
}

/** Which destinations had clients at an address. */
function createAddressMemory() {
  const memory = new Map<string, Set<string>>()
  const trim = (names: { size: number; keys(): Iterator<string>; delete(name: string): boolean }, limit: number) => {
    const oldest = names.keys().next().value
    if (names.size > limit && oldest !== undefined) names.delete(oldest)
  }
  return {
    of: (address: string): Iterable<string> => memory.get(address) ?? [],
    add: (address: string, name: string) => {
      const names = memory.get(address) ?? new Set()
      memory.delete(address)
      memory.set(address, names)
      names.delete(name)
      names.add(name)
      trim(names, destinationsPerAddress)
      trim(memory, addressesKept)
    },
  }
}
