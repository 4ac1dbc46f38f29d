import { instantText } from '@trellis/api/conditions'
import type { Machine } from '@trellis/api/machine/machine'
import { machineAnnotations } from '@trellis/api/machine/well-known'
import { controllerOf } from '../common/ownership.ts'
import type { AvoidedClass } from '../safety/shortages.ts'
import type { MachineContext } from './context.ts'

/**
 * The classes that a machine may be made of, the wanted one first: that of its set's template, then those that annotation
 * `machine.sapcloud.io/fallback-classes` of its deployment (or its set, if that has none) names.
 */
export function classOrder(
  { namespace, sets, deployments }: Pick<MachineContext, 'namespace' | 'sets' | 'deployments'>,
  machine: Machine,
): readonly string[] {
  const own = machine.spec?.class?.name ?? ''
  const set = sets.get({ namespace, name: controllerOf(machine)?.name ?? '' })
  if (set === undefined) return [own]
  const deployment = deployments.get({ namespace, name: controllerOf(set)?.name ?? '' })
  const text = (deployment ?? set).metadata.annotations?.[machineAnnotations.fallbackClasses]
  if (text === undefined) return [own]
  return [...new Set([set.spec?.template?.spec?.class?.name ?? own, ...parseClasses(text)])]
}

/** Names in a comma-separated list, in their order. */
export function parseClasses(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** The first class of the order that may be tried now; undefined when all are avoided. */
export function chooseClass(order: readonly string[], usable: (className: string) => boolean): string | undefined {
  return order.find(usable)
}

/** Which classes are avoided until when, for people; nothing but the latest refusal of each. */
export function describeAvoided(avoided: readonly AvoidedClass[]): string {
  return avoided
    .map(({ className, until, reason }) => `${reason}; class ${className} is avoided until ${instantText(until + 999)}`)
    .join('; ')
}

/** The names of the classes that such a text says are avoided. */
export function avoidedClassesIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/; class (\S+) is avoided until /g)].map(([, className = '']) => className))
}
