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

/** Whether a process with this selection runs a controller; without one it runs all. */
export function runs(selected: ReadonlySet<ControllerName> | undefined, name: ControllerName): boolean {
  return selected === undefined || selected.has(name)
}

/** Controllers that look at the cluster that machines join. */
const lookAtTheTarget: readonly ControllerName[] = ['machine', 'machinedeployment', 'machinesafetyorphanvms']

/** Whether any of these controllers looks at the cluster that machines join. */
export function needTarget(selected: ReadonlySet<ControllerName> | undefined): boolean {
  return lookAtTheTarget.some((name) => runs(selected, name))
}

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
 * The lease under which these controllers run: processes that share the work must not wait for each other, and two that do the same work must.
 * Those with machine sets and deployments, and those with machines and neither of them, hold the leases of the reference's two processes; every other
 * part of the work has one of its own, named after the first of its controllers.
 */
export function leaseNameFor(selected: ReadonlySet<ControllerName>): string {
  const upper = (['machineset', 'machinedeployment'] as const).filter((name) => selected.has(name))
  if (upper.length === 2) return 'machine-controller-manager'
  if (upper[0] !== undefined) return `machine-controller-manager-${upper[0]}`
  if (selected.has('machine')) return 'machine-controller'
  return `machine-controller-${controllerNames.find((name) => selected.has(name)) ?? ''}`
}

function nameOf(entry: string): ControllerName {
  const known = controllerNames.find((name) => name === entry)
  if (known !== undefined) return known
  throw new Failure('Invalid', `there is no controller ${entry}`, {
    field: '--controllers',
    remedy: `choose among ${controllerNames.join(', ')}, * for all and -name for all but one`,
  })
}
