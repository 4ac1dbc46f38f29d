import type { Log } from '@trellis/foundation/log'
import type { IpAddress } from 'node-wireguard/address'
import { type Target, type TunnelDestination, targetText } from '../destinations/destinations.ts'
import { activityBetween, type Look } from '../kernel/activity.ts'
import type { KernelFlows } from '../kernel/kernel-flows.ts'
import type { KernelTraffic } from '../kernel/kernel-maps.ts'
import { addTraffic, createUdpCounts, type UdpCounts } from './counts.ts'
import { createFlowTable, type Flow, type FlowLimits } from './flow-table.ts'
import { createKeyRing } from './key-ring.ts'
import type { Listener } from './listener.ts'
import { createPaths, type Path } from './paths.ts'
import { createSessions } from './sessions.ts'
import { createSorter, type SortingLimits } from './sorter.ts'
import type { Source } from './source.ts'

/** Connects sources with destinations, packet by packet until the kernel takes over. */
export interface Switchboard {
  readonly counts: UdpCounts
  receive(bytes: Buffer, source: Source, at: { readonly listener: Listener; readonly now: number }): void
  /** Leads to these destinations from now on. Flows of one that stays follow it to another address; flows of others end. */
  setDestinations(tunnels: readonly TunnelDestination[], now: number): void
  /** Notes which flows the kernel has seen packets of. */
  noteTraffic(traffic: KernelTraffic, now: number): void
  /** Lets go of what was quiet for too long. */
  sweep(now: number): void
  flows(): { readonly kernel: number; readonly userspace: number }
  closeAll(): void
}

/** What it takes. */
export interface SwitchboardOptions {
  readonly log: Log
  readonly now: () => number
  readonly limits: FlowLimits & SortingLimits
  /** Forwards what it can by itself; without it everything passes this program. */
  readonly kernel?: KernelFlows
  /** Addresses of servers that have TLS connections from an address now. */
  readonly neighbours?: (address: IpAddress) => readonly IpAddress[]
}

const sessionsKept = 100_000
/** The way of a flow that the kernel carries serves its next handshake for so long. */
const restingMilliseconds = 30_000

/** A switchboard that leads nowhere yet. */
export function createSwitchboard(options: SwitchboardOptions): Switchboard {
  const { kernel } = options
  const flows = createFlowTable(options.limits)
  const ring = { current: createKeyRing([]) }
  const sorter = createSorter({
    flows,
    sessions: createSessions(sessionsKept),
    keys: ring.current,
    limits: options.limits,
    now: options.now(),
    ...(options.neighbours === undefined ? {} : { neighbours: options.neighbours }),
  })
  const counts = createUdpCounts()
  const paths = createPaths(options.log, onAnswer)
  let lastLook: Look = new Map()
  let found = kernel?.found ?? []

  function onAnswer(flow: Flow, path: Path, bytes: Buffer): void {
    const now = options.now()
    const verdict = sorter.answered(flow, bytes, now)
    if (!verdict.passes) {
      counts.dropped['destination-malformed']++
      return
    }
    path.lastUsed = now
    verdict.ended.forEach(letGo)
    if (verdict.first) {
      counts.handshakes.answered++
      carry(flow, path.target)
    }
    addTraffic(counts.userspace.toSource, { packets: 1, bytes: bytes.length })
    path.listener.send(bytes, flow.source)
  }

  /** Has the kernel forward the flow where it can. */
  function carry(flow: Flow, target: Target): void {
    if (kernel?.canCarry(flow.source, target) === true) kernel.set(flow.source, target)
    else kernel?.remove(flow.source)
  }

  function letGo(flow: Flow): void {
    paths.close(flow)
    // The source may be another destination's by now, and then the kernel has been told, or is about to be.
    if (flow.answered && flows.find(flow.key)?.answered !== true) kernel?.remove(flow.source)
  }

  function follow(flow: Flow, before: Target | undefined): void {
    const target = ring.current.get(flow.destination)?.target
    if (target === undefined) {
      flows.end(flow)
      letGo(flow)
    } else if (targetText(target) !== targetText(before)) {
      paths.close(flow)
      if (flow.answered) carry(flow, target)
    }
  }

  /** Flows that the kernel carried before this program started belong to whoever has their target. */
  function adopt(tunnels: readonly TunnelDestination[], now: number): void {
    const owners = new Map(tunnels.map(({ name, target }) => [targetText(target), name]))
    for (const { source, target } of found) {
      const owner = owners.get(targetText(target))
      if (owner === undefined) kernel?.remove(source)
      else {
        const { flow } = flows.begin(source, owner, now)
        flows.answer(flow, now).forEach(letGo)
        sorter.remember(flow)
      }
    }
    found = []
  }

  return {
    counts,
    receive: (bytes, source, at) => {
      const verdict = sorter.sort(source, bytes, at.now)
      if ('drop' in verdict) {
        counts.dropped[verdict.drop]++
        return
      }
      verdict.ended.forEach(letGo)
      const target = ring.current.get(verdict.flow.destination)?.target
      if (target === undefined) return
      if (verdict.message.kind === 'initiation') counts.handshakes.forwarded++
      addTraffic(counts.userspace.toDestination, { packets: 1, bytes: bytes.length })
      paths.open(verdict.flow, target, at).send(bytes)
    },
    setDestinations: (tunnels, now) => {
      const before = ring.current
      ring.current = createKeyRing(tunnels)
      sorter.setKeys(ring.current)
      for (const flow of flows.all()) follow(flow, before.get(flow.destination)?.target)
      adopt(tunnels, now)
    },
    noteTraffic: (kernelTraffic, now) => {
      const { active, traffic } = activityBetween(lastLook, kernelTraffic.flows)
      lastLook = kernelTraffic.flows
      counts.kernelFlooding = kernelTraffic.flooding
      addTraffic(counts.kernel, traffic)
      for (const key of active) {
        const flow = flows.find(key)
        if (flow !== undefined) flows.touch(flow, now)
      }
    },
    sweep: (now) => {
      flows.expire(now).forEach(letGo)
      paths.closeResting(now - restingMilliseconds, (flow) => kernel?.holds(flow.key) === true)
    },
    flows: () => ({ kernel: kernel?.size() ?? 0, userspace: paths.size() }),
    closeAll: paths.closeAll,
  }
}
