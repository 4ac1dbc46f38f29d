import { machineAnnotations, machineEventReasons } from '@trellis/api/machine/well-known'
import { happenedAt, type MachineFacts, mentions } from './facts.ts'
import { phaseBeforeLeaving } from './history.ts'

/** A cause may be told this long before its effect. */
const causeMilliseconds = 60_000

/** Why a set deletes a machine that it has too many of, in the set's own words. */
const surplus = 'more machines than wanted'

/** Why the machine was made, as far as events and owners still tell. */
export function whyCreated({ machine, set, deployment, events }: MachineFacts): string {
  const createdAt = Date.parse(machine?.metadata.creationTimestamp ?? '')
  const before = events.filter((event) => {
    const at = happenedAt(event)
    return at <= createdAt + 2000 && at >= createdAt - causeMilliseconds
  })
  const replaced = before.findLast(
    ({ reason, regarding, note = '' }) =>
      reason === machineEventReasons.successfulDelete &&
      regarding?.name === set?.metadata.name &&
      !note.includes(surplus),
  )
  if (replaced !== undefined) return `in place of another: ${replaced.note}`
  const scaled = before.findLast(
    ({ reason, note = '' }) =>
      reason === machineEventReasons.scalingMachineSet && mentions(note, set?.metadata.name ?? ''),
  )
  const revision = Number(set?.metadata.annotations?.[machineAnnotations.revision] ?? 0)
  const setMadeAt = Date.parse(set?.metadata.creationTimestamp ?? '')
  const young = revision > 1 && createdAt - setMadeAt < causeMilliseconds * 60
  if (scaled !== undefined) return young ? `rollout of revision ${revision}: ${scaled.note}` : `${scaled.note}`
  if (young) return `during the rollout of revision ${revision}`
  return deployment === undefined && set === undefined ? 'by itself: it has no owner' : 'to have as many as are wanted'
}

/** Why the machine was asked to go. */
export function whyDeleted({ name, machine, set, deployment, events }: MachineFacts): string {
  const told = events.findLast(
    ({ reason, note = '' }) => reason === machineEventReasons.successfulDelete && mentions(note, name),
  )
  const because = told?.note?.slice(told.note.indexOf(': ') + 2)
  if (because !== undefined && because !== '' && !because.includes(surplus)) return because
  if (machine?.metadata.annotations?.[machineAnnotations.markedForDeletionTime] !== undefined) {
    return 'the autoscaler chose it'
  }
  if (machine !== undefined && phaseBeforeLeaving(machine) === 'Failed') return 'it had failed and is replaced'
  if (because === undefined && set !== undefined && set.metadata.deletionTimestamp === undefined) {
    return 'somebody deleted the Machine object; its machine set makes another if one is missing'
  }
  const isOld = deployment !== undefined && set !== undefined && isOlder(set, deployment)
  return isOld ? 'rollout: its machine set is of an older revision' : 'its machine set was scaled down'
}

function isOlder(set: NonNullable<MachineFacts['set']>, deployment: NonNullable<MachineFacts['deployment']>): boolean {
  return set.spec?.template?.spec?.class?.name !== deployment.spec?.template.spec?.class?.name
}
