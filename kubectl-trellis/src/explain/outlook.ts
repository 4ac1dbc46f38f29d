import { findCondition } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import { readConfiguration } from '@trellis/mcm/configuration'
import { drainedCondition } from '@trellis/mcm/drain/condition'
import { createdAt, phaseOf, phaseSince } from '@trellis/mcm/machine/phase'
import { effectiveSettings } from '@trellis/mcm/machine/settings'

/** What will happen next if nobody does anything. */
export interface Outlook {
  readonly text: string
  /** When; absent when no clock runs. */
  readonly at?: number
  /** What somebody can do. */
  readonly advice: readonly string[]
}

/** What the controllers do next with a machine. Timeouts that its spec does not set are those of the flags' defaults. */
export function outlookOf(machine: Machine): Outlook {
  if (machine.metadata.deletionTimestamp !== undefined) return whileLeaving(machine)
  const phase = phaseOf(machine)
  switch (phase) {
    case '':
    case 'CrashLoopBackOff':
      return withoutServer(machine)
    case 'Pending':
      return whileJoining(machine)
    case 'Unknown':
      return whileUnhealthy(machine)
    case 'Failed':
      return { text: 'its machine set deletes it and makes another', advice: ['nothing has to be done'] }
    case 'Running':
    case 'Available':
      return { text: 'nothing: all is well', advice: [] }
    default:
      return { text: `phase ${phase} ends by itself`, advice: [] }
  }
}

/** The settings of a manager whose flags say nothing. */
const defaults = readConfiguration(['--provider=local']).settings

function settingsOf(machine: Machine) {
  return effectiveSettings(machine, defaults)
}

/** What helps against each of the cloud's refusals. */
const remedies: Readonly<Record<string, string>> = {
  FailedPrecondition: 'make the MachineClass or Secret that is named above; it is tried again at once when it is there',
  InvalidArgument: 'mend the MachineClass that is named above; it is tried again at once when it changes',
  ResourceExhausted: 'raise the quota, or choose another instance type or zone; it is tried again by itself',
  PermissionDenied: "give the credentials in the class's secret the right that is named above",
  Unauthenticated: "renew the credentials in the class's secret; it is tried again at once when they change",
}

function withoutServer(machine: Machine): Outlook {
  const { errorCode } = machine.status?.lastOperation ?? {}
  const remedy = remedies[errorCode ?? '']
  const advice = remedy === undefined ? [] : [remedy]
  if (phaseOf(machine) === '') return { text: 'a server is asked for', advice }
  if (errorCode === 'FailedPrecondition') return { text: 'it waits for what is missing, without a limit', advice }
  const at = createdAt(machine) + settingsOf(machine).creationTimeoutMilliseconds
  return { text: 'a server is asked for again and again; from then on it is given up and replaced', at, advice }
}

function whileJoining(machine: Machine): Outlook {
  const { joining, console } = machine.status ?? {}
  const at = phaseSince(machine) + settingsOf(machine).creationTimeoutMilliseconds
  const failed = joining?.steps?.find(({ state }) => state === 'failed')
  const advice = [
    ...(joining?.cloudInit?.state === 'error' ? ['on the machine, /var/log/cloud-init-output.log says more'] : []),
    ...(failed === undefined ? [] : [`mend what step ${failed.name} complains of; its agent goes on by itself`]),
    ...(joining !== undefined || hasNode(machine)
      ? []
      : [
          console === undefined
            ? 'wait: its agent has not told anything yet; its console is read when a quarter of its time is over'
            : 'its agent never told anything: does it boot (see the console), and can it reach the API server?',
        ]),
    ...(hasNode(machine)
      ? [`kubectl describe node ${machine.metadata.labels?.node ?? ''} in its cluster says more`]
      : []),
  ]
  return { text: 'it is given up and replaced unless its node is healthy by then', at, advice }
}

function hasNode(machine: Machine): boolean {
  return findCondition(machine.status?.conditions, 'Ready') !== undefined
}

function whileUnhealthy(machine: Machine): Outlook {
  const settings = settingsOf(machine)
  const node = machine.metadata.labels?.node ?? machine.metadata.name
  const advice = [`look at node ${node}: its kubelet and its network`]
  if (settings.disableHealthTimeout) {
    return {
      text: 'it stays as it is: its health timeout is disabled',
      advice: [...advice, `or delete machine ${machine.metadata.name}`],
    }
  }
  const at = phaseSince(machine) + settings.healthTimeoutMilliseconds
  return { text: 'it is given up and replaced unless it is healthy by then; one of a deployment at a time', at, advice }
}

function whileLeaving(machine: Machine): Outlook {
  const { name } = machine.metadata
  const drained = findCondition(machine.status?.conditions, drainedCondition)
  const { state, errorCode } = machine.status?.lastOperation ?? {}
  if (state === 'Failed') {
    const remedy = remedies[errorCode ?? ''] ?? 'mend what the cloud complains of; it is tried again by itself'
    return { text: 'deleting the server is tried again', advice: [remedy] }
  }
  if (drained?.status !== 'False') return { text: 'its server, its node and then the machine are deleted', advice: [] }
  const at = Date.parse(machine.metadata.deletionTimestamp ?? '') + settingsOf(machine).drainTimeoutMilliseconds
  return {
    text: 'its pods are deleted without regard to budgets and grace, then its server',
    at,
    advice: [
      'let the named pods go: more replicas, or a looser disruption budget',
      `or force it, which costs the named pods their grace: kubectl label machine ${name} force-deletion=true`,
    ],
  }
}
