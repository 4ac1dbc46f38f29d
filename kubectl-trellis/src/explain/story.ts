import { findCondition } from '@trellis/api/conditions'
import type { Event } from '@trellis/api/core/event'
import type { Machine, NodeCondition } from '@trellis/api/machine/machine'
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
  /** Instants are whole seconds: this is the order within one, that of a machine's life. */
  readonly stage?: Stage
}

type Stage = keyof typeof stages

/** What comes before what in a machine's life, whatever the clocks say of the same second. */
const stages = { created: 0, launched: 1, joining: 2, ready: 3, joined: 4, lived: 5, asked: 6, leaving: 7, drained: 8 }

/** Reasons of a drain that goes on by itself. */
const moving = ['LookingAtPods', 'MovingPods', 'WaitingForVolumes', 'Forced']

/** Everything that happened to a machine, oldest first. */
export function storyOf(facts: MachineFacts): readonly Chapter[] {
  const { machine } = facts
  const chapters =
    machine === undefined
      ? []
      : [...beginning(machine, facts), ...phases(machine), ...joining(machine), ...nodeChanges(machine)]
  const told = [...chapters, ...fromEvents(facts, chapters)]
  return told.filter(({ at }) => at > 0).sort(byTime)
}

function byTime(left: Chapter, right: Chapter): number {
  const order = ({ stage = 'lived' }: Chapter) => stages[stage]
  return Math.floor(left.at / 1000) - Math.floor(right.at / 1000) || order(left) - order(right) || left.at - right.at
}

function beginning(machine: Machine, facts: MachineFacts): readonly Chapter[] {
  const { set, deployment } = facts
  const { creationTimestamp, deletionTimestamp } = machine.metadata
  const owner = [
    set === undefined ? undefined : `machine set ${set.metadata.name}`,
    deployment === undefined ? undefined : `deployment ${deployment.metadata.name}`,
  ].filter((text) => text !== undefined)
  const by = owner.length === 0 ? '' : ` by ${owner.join(' of ')}`
  const stage = 'created' as const
  const created = { at: parse(creationTimestamp), text: `created${by}, ${whyCreated(facts)}`, stage }
  if (deletionTimestamp === undefined) return [created]
  return [created, { at: parse(deletionTimestamp), text: `asked to go: ${whyDeleted(facts)}`, stage: 'asked' }]
}

const bad: readonly string[] = ['CrashLoopBackOff', 'Unknown', 'Failed', 'InPlaceUpdateFailed']

function phases({ status, spec }: Machine): readonly Chapter[] {
  const made = spec?.providerID === undefined ? '' : ` (${spec.providerID})`
  return (status?.history ?? []).map(({ phase, time, description = '' }) => ({
    at: parse(time),
    text: phase === 'Pending' ? `server made${made}; phase Pending` : `phase ${phase}: ${description}`,
    stage: stageOf(phase),
    ...(bad.includes(phase) ? { trouble: true } : {}),
  }))
}

function stageOf(phase: string): Stage {
  if (phase === 'Pending') return 'launched'
  if (phase === 'Running') return 'joined'
  return phase === 'Terminating' ? 'leaving' : 'lived'
}

function joining({ status }: Machine): readonly Chapter[] {
  const { bootedAt, agentStartedAt, cloudInit, steps = [], state } = status?.joining ?? {}
  const complaints = cloudInit?.errors === undefined ? '' : `: ${cloudInit.errors.join('; ')}`
  const ready = state === 'ready' ? steps.findLast(({ finishedAt }) => finishedAt !== undefined)?.finishedAt : undefined
  return [
    { at: parse(bootedAt), text: 'machine booted', stage: 'joining' },
    { at: parse(agentStartedAt), text: 'agent started', stage: 'joining' },
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
    ...(ready === undefined ? [] : [readyChapter(node, ready)]),
    ...(drained === undefined ? [] : [drainChapter(drained)]),
  ]
}

function readyChapter(node: string, { status, lastTransitionTime, message, reason = '' }: NodeCondition): Chapter {
  const at = parse(lastTransitionTime)
  if (status === 'True') return { at, text: `node ${node} ready`, stage: 'ready' }
  return { at, text: `node ${node} not ready (${status}): ${message ?? reason}`, trouble: true }
}

/** A drain that goes on is no trouble; one that somebody refuses is. */
function drainChapter({ status, lastTransitionTime, message = '', reason = '' }: NodeCondition): Chapter {
  const about = { at: parse(lastTransitionTime), stage: 'drained' as const }
  if (status === 'True') return { ...about, text: `drain over (${reason}): ${message}` }
  if (moving.includes(reason)) return { ...about, text: `draining: ${message}` }
  return { ...about, text: `drain held up (${reason}): ${message}`, trouble: true }
}

/** Events that tell more than the status does. */
function fromEvents({ name, machine, events }: MachineFacts, known: readonly Chapter[]): readonly Chapter[] {
  const mine = events.filter((event) => mentionsMachine(event, name))
  const news = machine === undefined ? mine : mine.filter(({ regarding }) => regarding?.kind === 'Machine')
  const drains = findCondition(machine?.status?.conditions, drainedCondition) !== undefined
  return news.filter((event) => !isKnown(event, known) && !(drains && event.reason === 'DrainHeldUp')).map(eventChapter)
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
