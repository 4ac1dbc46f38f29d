import type { Machine } from '@trellis/api/machine/machine'
import type { MachineDeployment } from '@trellis/api/machine/machine-deployment'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import type { Change, Informer } from '@trellis/kubernetes/informer'
import type { Events } from '../common/events.ts'
import { isLeaving } from './phase.ts'
import {
  parseLimit,
  type ReplacementLimits,
  type ReplacementRefusal,
  refuseReplacement,
  replacementGroup,
  replacementState,
  usualReplacementLimits,
} from './replacement-permit.ts'
import { type Counted, createReplacementTally, totalOf, without } from './replacement-tally.ts'

/** Leave to give one machine up. */
export interface ReplacementPermit {
  /** The machine was given up: the permit is held until that is seen. */
  keep(): void
  /** Gives the permit back unless it is kept. */
  release(): void
}

/** Guards deployments against losing many machines at a time. Every decision and every event costs the same, however many machines there are. */
export interface ReplacementPermits {
  /** Leave to give this machine up, or why not yet. */
  take(machine: Machine): ReplacementPermit | { readonly refused: string }
  /** How soon to ask again at the latest. */
  readonly recheckMilliseconds: number
  /** Counts machines from now on; `wake` hears of machines that were refused and may ask again. Returns how to stop. */
  follow(wake: (name: string) => void): () => void
}

/** What the guard looks things up in. */
export interface PermitContext {
  readonly namespace: string
  readonly machines: Informer<Machine>
  readonly deployments: Informer<MachineDeployment>
  /** The zone of a machine; empty when nobody knows. */
  readonly zoneOf: (machine: Machine) => string
  readonly events: Events
}

/** Makes the guard. */
export function createReplacementPermits(context: PermitContext): ReplacementPermits {
  const tally = createReplacementTally()
  const limitsOf = createLimits(context)
  const seen = new Map<string, Counted>()
  const held = new Map<string, Counted>()
  const waiting = new Map<string, Set<string>>()

  const drop = (name: string) => {
    const counted = held.get(name)
    if (counted === undefined) return
    held.delete(name)
    tally.add(counted, -1)
  }
  const see = ({ key, after }: Change<Machine>): Counted | undefined => {
    const before = seen.get(key.name)
    const now = after === undefined ? undefined : countedAs(context, after)
    if (before !== undefined) tally.add(before, -1)
    if (now !== undefined) tally.add(now, 1)
    if (now === undefined) seen.delete(key.name)
    else seen.set(key.name, now)
    if (now === undefined || now.state === 'busy') drop(key.name)
    return before !== undefined && before.state !== now?.state ? before : undefined
  }
  const refuse = (machine: Machine, { group, zone }: Counted): string | undefined => {
    const deployment = context.deployments.get({ namespace: context.namespace, name: group })
    const own = seen.get(machine.metadata.name)?.state
    const all = without(tally.of(group), own)
    const present = 1 + totalOf(all) - tally.leaving(group)
    const missing = deployment === undefined ? 0 : Math.max(0, (deployment.spec?.replicas ?? 1) - present)
    const limits = limitsOf(deployment)
    const inZone = without(tally.of(group, zone), own)
    const refusal = refuseReplacement({ limits, zone: inZone, all, neighbours: tally.neighbours(zone), missing })
    return refusal === undefined ? undefined : describeRefusal(refusal, limits, zone)
  }
  return {
    recheckMilliseconds: 30_000,
    take: (machine) => {
      const { name } = machine.metadata
      const place = countedAs(context, machine)
      // A machine of nobody stands alone: nothing replaces it.
      if (place === undefined) return { keep: () => {}, release: () => {} }
      const refused = held.has(name) ? 'it is being replaced' : refuse(machine, place)
      if (refused !== undefined) {
        waiting.set(place.group, (waiting.get(place.group) ?? new Set()).add(name))
        return { refused }
      }
      const holder: Counted = { ...place, state: 'busy', leaving: false }
      held.set(name, holder)
      tally.add(holder, 1)
      let kept = false
      return {
        keep: () => {
          kept = true
        },
        release: () => {
          if (!kept) drop(name)
        },
      }
    },
    follow: (wake) =>
      context.machines.onChange((change) => {
        const changed = see(change)
        if (changed === undefined) return
        const names = waiting.get(changed.group)
        waiting.delete(changed.group)
        for (const name of names ?? []) wake(name)
      }),
  }
}

function countedAs({ zoneOf }: PermitContext, machine: Machine): Counted | undefined {
  const group = replacementGroup(machine)
  if (group === undefined) return undefined
  return { group, zone: zoneOf(machine), state: replacementState(machine), leaving: isLeaving(machine) }
}

/** Reads limits off deployments; says once of each text that it means nothing. */
function createLimits({ events }: PermitContext): (deployment: MachineDeployment | undefined) => ReplacementLimits {
  const told = new Map<string, string>()
  return (deployment) => {
    const read = (key: string): number | string | undefined => {
      const text = deployment?.metadata.annotations?.[key]
      if (deployment === undefined || text === undefined) return undefined
      const limit = parseLimit(text)
      const place = `${deployment.metadata.name} ${key}`
      if (limit !== undefined) told.delete(place)
      else if (told.get(place) !== text) {
        told.set(place, text)
        const remedy = 'write a number such as 2 or a share such as 10%'
        events.warn(deployment, 'InvalidAnnotation', `Annotation ${key} is ignored: ${text} is no limit; ${remedy}`)
      }
      return limit
    }
    const inAll = read(machineAnnotations.maxReplacements)
    const perZone = read(machineAnnotations.maxReplacementsPerZone) ?? inAll ?? usualReplacementLimits.perZone
    return { perZone, ...(inAll === undefined ? {} : { inAll }) }
  }
}

function describeRefusal(refusal: ReplacementRefusal, { perZone, inAll }: ReplacementLimits, zone: string): string {
  const where = zone === '' ? 'its zone' : `zone ${zone}`
  if (refusal === 'outage') return `most machines of ${where} are ill, so that at most one is tried anew`
  return refusal === 'zone'
    ? `at most ${perZone} of its deployment in ${where} may be replaced at a time`
    : `at most ${inAll} of its deployment may be replaced at a time`
}
