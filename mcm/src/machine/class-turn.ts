import { findCondition, setCondition } from '@trellis/api/conditions'
import type { Machine, NodeCondition } from '@trellis/api/machine/machine'
import { describe } from '@trellis/foundation/failure'
import { again, type Outcome } from '@trellis/kubernetes/controller'
import { type ClassView, resolveClass } from '../machine-class/resolve.ts'
import type { AvoidedClass } from '../safety/shortages.ts'
import { chooseClass, classOrder, describeAvoided } from './class-choice.ts'
import type { MachineContext } from './context.ts'
import { avoidedCondition } from './node-view.ts'
import type { StatusStatement } from './phase.ts'
import { patchMachine, writeStatus } from './write.ts'

/** Decides whether the machine may ask for a server of its class now. Undefined when it may; else it was moved to another class, or waits for one. */
export async function awaitTurn(
  context: MachineContext,
  machine: Machine,
  view: ClassView,
): Promise<Outcome | undefined> {
  const own = machine.spec?.class?.name ?? ''
  const { name } = machine.metadata
  const order = classOrder(context, machine)
  let wait = Number.POSITIVE_INFINITY
  const chosen = chooseClass(order.includes(own) ? order : [...order, own], (className) => {
    if (className !== own) return isOpen(context, className)
    const admission = context.shortages.admit(own, view.version, name)
    if (admission.kind === 'wait') wait = admission.milliseconds
    return admission.kind === 'ask'
  })
  if (chosen === own) return undefined
  if (chosen !== undefined) return moveTo(context, machine, chosen)
  return park(context, machine, order, wait)
}

/** What follows the cloud's refusal: the next class in order, or waiting until one of them may be tried again. */
export async function yieldTurn(
  context: MachineContext,
  machine: Machine,
  { view, error, signal }: { readonly view: ClassView; readonly error: unknown; readonly signal: AbortSignal },
): Promise<Outcome> {
  const own = machine.spec?.class?.name ?? ''
  const { name } = machine.metadata
  const until = context.shortages.refused(own, { version: view.version, machine: name, error })
  const order = classOrder(context, machine)
  const next = chooseClass(order, (className) => className !== own && isOpen(context, className))
  if (next === undefined) return park(context, machine, order, until - context.clock.now())
  try {
    // What an earlier try whose answer was lost may have left would be nobody's once the class has changed.
    await context.driver.deleteMachine({ machineName: name, ...view.settings }, { signal })
  } catch (cause) {
    signal.throwIfAborted()
    context.log.warn({ machine: name, error: describe(cause) }, 'what a refused creation left could not be removed')
  }
  return moveTo(context, machine, next)
}

function isOpen({ shortages, classes }: MachineContext, className: string): boolean {
  if (!shortages.open(className)) return false
  const resolved = resolveClass({ name: className }, classes)
  return resolved.ok || resolved.reason.kind === 'unprotected'
}

/** The class in use stands in the machine itself, before anything is asked of the cloud, so that every later step finds the server where it is. */
async function moveTo(context: MachineContext, machine: Machine, className: string): Promise<Outcome> {
  const from = machine.spec?.class?.name ?? ''
  const avoided = context.shortages.avoided(from)
  const why = avoided === undefined ? 'it may be tried again' : describeAvoided([avoided])
  context.events.normal(machine, 'ClassChanged', `Class ${className} instead of ${from}: ${why}`)
  context.log.info({ machine: machine.metadata.name, from, to: className }, 'machine moved to another class')
  await patchMachine(context, machine, { spec: { class: { name: className } } })
  return again(0)
}

async function park(
  context: MachineContext,
  machine: Machine,
  order: readonly string[],
  wait: number,
): Promise<Outcome> {
  const { shortages, clock } = context
  const avoided = order.flatMap((className) => shortages.avoided(className) ?? [])
  const soonest = Math.min(wait, ...avoided.map(({ until }) => until - clock.now()))
  if (avoided.length > 0) {
    if (machine.status?.lastOperation?.errorCode !== 'ResourceExhausted') {
      context.events.warn(machine, 'LaunchFailed', `Cloud provider message - ${describeAvoided(avoided)}`)
    }
    await writeStatus(context, machine, parkedStatement(machine, avoided, clock.now()))
  }
  return again(Math.max(1, soonest))
}

/** The status of a machine that waits for quota or stock: all classes that it may be made of are exhausted. */
export function parkedStatement(machine: Machine, avoided: readonly AvoidedClass[], now: number): StatusStatement {
  const message = describeAvoided(avoided)
  const statement: NodeCondition = { type: avoidedCondition, status: 'True', reason: 'ResourceExhausted', message }
  return {
    phase: 'CrashLoopBackOff',
    timeoutActive: true,
    conditions: setCondition(machine.status?.conditions, statement, now),
    operation: {
      type: 'Create',
      state: 'Failed',
      errorCode: 'ResourceExhausted',
      description: `Cloud provider message - ${message}`,
    },
  }
}

/** The conditions of a machine that no longer waits; undefined when it did not. */
export function withoutAvoided(machine: Machine): readonly NodeCondition[] | undefined {
  const { conditions } = machine.status ?? {}
  if (findCondition(conditions, avoidedCondition) === undefined) return undefined
  return conditions?.filter(({ type }) => type !== avoidedCondition)
}
