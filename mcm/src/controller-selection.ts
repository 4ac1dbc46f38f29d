import { Failure } from '@trellis/foundation/failure'

/** Every controller that a process may run, by the name that `--controllers` knows. */
export const controllerNames = [
  'machine',
  'machineset',
  'machinedeployment',
  'machineclass',
  'machinesafetyorphanvms',
  'machinesafetyovershooting',
] as const
export type ControllerName = (typeof controllerNames)[number]

/** Controllers that call the cloud: a process without them needs no provider. */
const callTheCloud: readonly ControllerName[] = ['machine', 'machinesafetyorphanvms']

/** Reads `--controllers`: names, `*` for all, `-name` for all but that one. A list that only takes away starts from all. */
export function selectControllers(list: readonly string[]): ReadonlySet<ControllerName> {
  const wanted = list.filter((entry) => !entry.startsWith('-'))
  const selected = new Set<ControllerName>(
    wanted.length === 0 || wanted.includes('*') ? controllerNames : wanted.map(nameOf),
  )
  for (const entry of list) if (entry.startsWith('-')) selected.delete(nameOf(entry.slice(1)))
  if (selected.size > 0) return selected
  throw new Failure('Invalid', 'leaves no controller to run', { field: '--controllers' })
}

/** Whether any of these controllers calls the cloud. */
export function needProvider(selected: ReadonlySet<ControllerName>): boolean {
  return callTheCloud.some((name) => selected.has(name))
}

/**
 * The lease under which these controllers run: two processes that share the work, as those of the reference do, must not wait for each
 * other, and two that do the same work must.
 */
export function leaseNameFor(selected: ReadonlySet<ControllerName>): string {
  const ownsSets = selected.has('machineset') || selected.has('machinedeployment')
  return ownsSets ? 'machine-controller-manager' : 'machine-controller'
}

function nameOf(entry: string): ControllerName {
  const known = controllerNames.find((name) => name === entry)
  if (known !== undefined) return known
  throw new Failure('Invalid', `there is no controller ${entry}`, {
    field: '--controllers',
    remedy: `choose among ${controllerNames.join(', ')}, * for all and -name for all but one`,
  })
}
