import { findCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import type { MachineConsole } from '@trellis/api/machine/story'
import { phaseOf, phaseSince } from '@trellis/mcm/machine/phase'
import { instant } from '../text.ts'
import type { MachineFacts } from './facts.ts'
import { outlookOf } from './outlook.ts'
import { storyOf } from './story.ts'

/** Why a machine is what it is, as `-o json` prints it. */
export interface Explanation {
  readonly machine: string
  readonly namespace: string
  /** Undefined when the machine has gone. */
  readonly phase: string | undefined
  readonly since: string | undefined
  readonly isNode: boolean
  readonly owner: { readonly set: string | undefined; readonly deployment: string | undefined }
  readonly class: string | undefined
  readonly providerID: string | undefined
  /** What it is doing, in the controllers' words. */
  readonly now: string | undefined
  readonly story: readonly { readonly time: string; readonly text: string; readonly trouble: boolean }[]
  /** Only of a machine that is not a node. */
  readonly console: MachineConsole | undefined
  readonly next: { readonly text: string; readonly at: string | undefined } | undefined
  readonly advice: readonly string[]
  /** The instant that this was made at. */
  readonly time: string
}

/** Puts everything that is known of a machine into one answer. */
export function explanationOf(facts: MachineFacts, now: number): Explanation {
  const { machine, set, deployment, name, namespace } = facts
  const outlook = machine === undefined ? undefined : outlookOf(machine)
  const isNode = machine !== undefined && findCondition(machine.status?.conditions, 'Ready')?.status === 'True'
  return {
    machine: name,
    namespace,
    phase: machine === undefined ? undefined : phaseOf(machine) || 'Creating',
    since: machine === undefined ? undefined : instant(phaseSince(machine)),
    isNode,
    owner: { set: set?.metadata.name, deployment: deployment?.metadata.name },
    class: machine?.spec?.class?.name,
    providerID: machine?.spec?.providerID,
    now: presentOf(machine),
    story: storyOf(facts).map(({ at, text, trouble = false }) => ({ time: instant(at), text, trouble })),
    console: isNode ? undefined : machine?.status?.console,
    next:
      outlook === undefined
        ? undefined
        : { text: outlook.text, at: outlook.at === undefined ? undefined : instant(outlook.at) },
    advice: outlook?.advice ?? [],
    time: instant(now),
  }
}

function presentOf(machine: Machine | undefined): string | undefined {
  const { description, errorCode } = machine?.status?.lastOperation ?? {}
  return errorCode === undefined || errorCode === '' ? description : `${description} (${errorCode})`
}
