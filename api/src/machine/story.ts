import type { Static } from 'typebox'
import { complete, flag, instant, int32, list, openChoice, optional, partial, text } from '../schema-parts.ts'

/** A change of a machine's phase. */
const phaseChangeSchema = complete('A change of the phase.', {
  phase: text('The phase from then on.'),
  time: instant('When it changed.'),
  description: optional(text('Why, for people.')),
})

/** One step of the machine's agent towards a node. */
const joinStepSchema = complete('A step of joining.', {
  name: text('Name of the step, as in start-kubelet.'),
  state: openChoice('How it stands.', ['pending', 'running', 'done', 'failed']),
  startedAt: optional(instant('When it was first begun.')),
  finishedAt: optional(instant('When it was done, or last failed.')),
  tries: optional(int32('How often it was begun, at least; absent for once.')),
  error: optional(text('Why it last failed.')),
})

/** What the machine told about its joining. */
const joiningSchema = partial('What the machine told about its joining, without secrets.', {
  bootedAt: instant('When the machine was started.'),
  agentStartedAt: instant('When its agent was started.'),
  state: openChoice('How joining stands.', ['joining', 'ready', 'failed']),
  cloudInit: complete("cloud-init's result.", {
    state: openChoice('How it ended.', ['running', 'done', 'degraded', 'error']),
    finishedAt: optional(instant('When it ended.')),
    errors: optional(list('What went wrong.', text('One error.'))),
  }),
  steps: list('The steps of joining.', joinStepSchema),
})

/** The last lines of the server's console. */
const consoleSchema = complete(
  'The last lines of the console, taken when the machine was late or failed; without secrets.',
  {
    time: instant('When they were taken.'),
    text: text('The lines.'),
    cut: optional(flag('Whether more was there.')),
  },
)

/** Fields of a machine's status that tell its story; other clients of the kind do not know them and need not. */
export const machineStoryFields = {
  history: list('Changes of the phase: the first ones and the latest.', phaseChangeSchema),
  joining: joiningSchema,
  console: consoleSchema,
}

export type MachinePhaseChange = Static<typeof phaseChangeSchema>
export type MachineJoining = Static<typeof joiningSchema>
export type MachineJoinStep = Static<typeof joinStepSchema>
export type MachineConsole = Static<typeof consoleSchema>
