import { type Source, type SourceKey, sourceKeyOf } from './source.ts'

/** Packets of one source that go to one destination. */
export interface Flow {
  readonly key: SourceKey
  readonly source: Source
  /** Name of the destination. */
  readonly destination: string
  /** Whether the destination has ever answered this source: only then it is more than a claim. */
  readonly answered: boolean
  /** When something of it was seen last. */
  readonly lastActive: number
}

/** How many flows there may be, and for how long without a packet. */
export interface FlowLimits {
  /** Sources of one destination that were answered; the quietest makes room. */
  readonly sourcesPerDestination: number
  /** Sources of one destination that still wait for an answer; the oldest makes room. */
  readonly waitingPerDestination: number
  readonly answeredMilliseconds: number
  readonly waitingMilliseconds: number
}

/**
 * The flows there are. A source has at most one that was answered and one that waits: another destination takes a source over (a NAT gave the port to somebody else) only
 * once it has answered. Whatever ends a flow returns it, so that what it holds can be let go.
 */
export interface FlowTable {
  /** The flow that packets of this source take: the answered one, else the one that waits. */
  find(key: SourceKey): Flow | undefined
  /** The flow from this source to this destination, begun when there is none. */
  begin(source: Source, destination: string, now: number): { readonly flow: Flow; readonly ended: readonly Flow[] }
  /** Notes that the destination has answered. */
  answer(flow: Flow, now: number): readonly Flow[]
  touch(flow: Flow, now: number): void
  end(flow: Flow): void
  /** Ends what has been quiet for too long. */
  expire(now: number): readonly Flow[]
  all(): readonly Flow[]
}

interface MutableFlow extends Flow {
  answered: boolean
  lastActive: number
}

interface Slot {
  answered?: MutableFlow
  waiting?: MutableFlow
}

/** An empty table. */
export function createFlowTable(limits: FlowLimits): FlowTable {
  const slots = new Map<SourceKey, Slot>()
  const byDestination = new Map<string, Set<MutableFlow>>()

  function end(flow: Flow): void {
    const slot = slots.get(flow.key)
    if (slot?.answered === flow) delete slot.answered
    if (slot?.waiting === flow) delete slot.waiting
    if (slot !== undefined && slot.answered === undefined && slot.waiting === undefined) slots.delete(flow.key)
    const group = byDestination.get(flow.destination)
    group?.delete(flow as MutableFlow)
    if (group?.size === 0) byDestination.delete(flow.destination)
  }

  /** Ends flows of one destination and one sort until they are no more than the limit; never the one that the room is for. */
  function makeRoom(keep: Flow, limit: number): readonly Flow[] {
    const rivals = [...(byDestination.get(keep.destination) ?? [])].filter((one) => one.answered === keep.answered)
    if (rivals.length <= limit) return []
    const ended = rivals
      .filter((one) => one !== keep)
      .sort((a, b) => a.lastActive - b.lastActive)
      .slice(0, rivals.length - limit)
    ended.forEach(end)
    return ended
  }

  function begin(source: Source, destination: string, now: number): ReturnType<FlowTable['begin']> {
    const key = sourceKeyOf(source)
    const slot = slots.get(key) ?? {}
    const known = [slot.answered, slot.waiting].find((flow) => flow?.destination === destination)
    if (known !== undefined) return { flow: known, ended: [] }
    const replaced = slot.waiting === undefined ? [] : [slot.waiting]
    replaced.forEach(end)
    const flow: MutableFlow = { key, source, destination, answered: false, lastActive: now }
    slot.waiting = flow
    slots.set(key, slot)
    const group = byDestination.get(destination) ?? new Set()
    byDestination.set(destination, group.add(flow))
    return { flow, ended: [...replaced, ...makeRoom(flow, limits.waitingPerDestination)] }
  }

  function answer(given: Flow, now: number): readonly Flow[] {
    const flow = given as MutableFlow
    flow.lastActive = now
    const slot = slots.get(flow.key)
    if (slot?.waiting !== flow) return []
    const replaced = slot.answered === undefined ? [] : [slot.answered]
    replaced.forEach(end)
    delete slot.waiting
    slot.answered = flow
    slots.set(flow.key, slot)
    flow.answered = true
    return [...replaced, ...makeRoom(flow, limits.sourcesPerDestination)]
  }

  const all = () => [...byDestination.values()].flatMap((group) => [...group])
  return {
    find: (key) => slots.get(key)?.answered ?? slots.get(key)?.waiting,
    begin,
    answer,
    touch: (flow, now) => {
      const known = flow as MutableFlow
      known.lastActive = Math.max(known.lastActive, now)
    },
    end,
    expire: (now) => {
      const allowed = ({ answered }: Flow) => (answered ? limits.answeredMilliseconds : limits.waitingMilliseconds)
      const ended = all().filter((flow) => now - flow.lastActive > allowed(flow))
      ended.forEach(end)
      return ended
    },
    all,
  }
}
