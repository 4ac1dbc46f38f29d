import { findCondition } from '@trellis/api/conditions'
import type { Event } from '@trellis/api/core/event'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineJoinStep } from '@trellis/api/machine/story'
import { drainedCondition } from '@trellis/mcm/drain/condition'
import { span } from '../text.ts'
import { whyCreated, whyDeleted } from './causes.ts'
import { happenedAt, type MachineFacts, mentionsMachine } from './facts.ts'

/** One thing that happened. */
export interface Chapter {
  readonly at: number
  readonly text: string
  /** Something that should not have happened. */
  readonly trouble?: boolean
}

/** Everything that happened to a machine, oldest first. */
export function storyOf(facts: MachineFacts): readonly Chapter[] {
  const { machine } = facts
  const chapters =
    machine === undefined
      ? []
      : [...beginning(machine, facts), ...phases(machine), ...joining(machine), ...nodeChanges(machine)]
  const told = [...chapters, ...fromEvents(facts, chapters)]
  // What happened within the same second keeps the order in which it is told here, which is that of a machine's life.
  return told.filter(({ at }) => at > 0).sort((left, right) => left.at - right.at)
}

function beginning(machine: Machine, facts: MachineFacts): readonly Chapter[] {
  const { set, deployment } = facts
  const { creationTimestamp, deletionTimestamp } = machine.metadata
  const owner = [
    set === undefined ? undefined : `machine set ${set.metadata.name}`,
    deployment === undefined ? undefined : `deployment ${deployment.metadata.name}`,
  ].filter((text) => text !== undefined)
  const by = owner.length === 0 ? '' : ` by ${owner.join(' of ')}`
  const created = { at: parse(creationTimestamp), text: `created${by}, ${whyCreated(facts)}` }
  if (deletionTimestamp === undefined) return [created]
  return [created, { at: parse(deletionTimestamp), text: `asked to go: ${whyDeleted(facts)}` }]
}

const bad: readonly string[] = ['CrashLoopBackOff', 'Unknown', 'Failed', 'InPlaceUpdateFailed']

function phases({ status, spec }: Machine): readonly Chapter[] {
  const made = spec?.providerID === undefined ? '' : ` (${spec.providerID})`
  return (status?.history ?? []).map(({ phase, time, description = '' }) => ({
    at: parse(time),
    text: phase === 'Pending' ? `server made${made}; phase Pending` : `phase ${phase}: ${description}`,
    ...(bad.includes(phase) ? { trouble: true } : {}),
  }))
}

function joining({ status }: Machine): readonly Chapter[] {
  const { bootedAt, agentStartedAt, cloudInit, steps = [], state } = status?.joining ?? {}
  const complaints = cloudInit?.errors === undefined ? '' : `: ${cloudInit.errors.join('; ')}`
  const ready = state === 'ready' ? steps.findLast(({ finishedAt }) => finishedAt !== undefined)?.finishedAt : undefined
  return [
    { at: parse(bootedAt), text: 'machine booted' },
    { at: parse(agentStartedAt), text: 'agent started' },
    ...(cloudInit === undefined
      ? []
      : [
          {
            at: parse(cloudInit.finishedAt ?? agentStartedAt),
            text: `cloud-init: ${cloudInit.state}${complaints}`,
            ...(cloudInit.state === 'error' ? { trouble: true } : {}),
          },
        ]),
    ...steps.map(stepChapter),
    { at: parse(ready), text: 'agent: all steps done' },
  ]
}

function stepChapter({ name, state, startedAt, finishedAt, tries, error }: MachineJoinStep): Chapter {
  const often = tries === undefined ? '' : `, tried at least ${tries} times`
  if (state === 'done') {
    const took = startedAt === undefined ? '' : ` after ${span(parse(finishedAt) - parse(startedAt))}`
    return { at: parse(finishedAt), text: `step ${name} done${took}${often}` }
  }
  if (state === 'pending') return { at: 0, text: '' }
  const reason = error === undefined ? '' : `: ${error}`
  const trouble = state === 'failed' ? { trouble: true } : {}
  return { at: parse(startedAt), text: `step ${name} ${state}${often}${reason}`, ...trouble }
}

function nodeChanges({ status, metadata }: Machine): readonly Chapter[] {
  const node = metadata.labels?.node ?? metadata.name
  const ready = findCondition(status?.conditions, 'Ready')
  const drained = findCondition(status?.conditions, drainedCondition)
  return [
    ...(ready === undefined
      ? []
      : [
          {
            at: parse(ready.lastTransitionTime),
            text:
              ready.status === 'True'
                ? `node ${node} ready`
                : `node ${node} not ready (${ready.status}): ${ready.message ?? ready.reason ?? ''}`,
            ...(ready.status === 'True' ? {} : { trouble: true }),
          },
        ]),
    ...(drained === undefined
      ? []
      : [
          {
            at: parse(drained.lastTransitionTime),
            text: `drain ${drained.status === 'True' ? 'over' : 'held up'} (${drained.reason}): ${drained.message}`,
            ...(drained.status === 'True' ? {} : { trouble: true }),
          },
        ]),
  ]
}

/** Events that tell more than the status does. */
function fromEvents({ name, machine, events }: MachineFacts, known: readonly Chapter[]): readonly Chapter[] {
  const mine = events.filter((event) => mentionsMachine(event, name))
  const news = machine === undefined ? mine : mine.filter(({ regarding }) => regarding?.kind === 'Machine')
  return news.filter((event) => !isKnown(event, known)).map(eventChapter)
}

function isKnown({ note = '' }: Event, known: readonly Chapter[]): boolean {
  return note !== '' && known.some(({ text }) => text.includes(note.slice(0, 300)))
}

function eventChapter(event: Event): Chapter {
  const { series, note = '', reason = 'Event', type } = event
  const last =
    series === undefined ? '' : ` (${series.count} times, last ${series.lastObservedTime.replace(/\.\d+Z$/, 'Z')})`
  return {
    at: happenedAt(event),
    text: `${reason}${note === '' ? '' : `: ${note}`}${last}`,
    ...(type === 'Warning' ? { trouble: true } : {}),
  }
}

function parse(text: string | undefined): number {
  return Date.parse(text ?? '') || 0
}
