import { table } from '../text.ts'
import type { MachineFate } from './decide.ts'
import type { ClassPlan, Plan } from './plan.ts'

type Planned = Plan['deployments'][number]

/** Fates in words, the gravest first. */
const words: Readonly<Record<MachineFate['fate'], string>> = {
  delete: 'delete',
  replace: 'replace',
  updateInPlace: 'drain and update in place',
  update: 'update in place',
  keep: 'untouched',
}

/** A plan for people. */
export function renderPlan({ deployments, classes }: Plan): string {
  return `${[...deployments.map(renderDeployment), ...classes.map(renderClass)].join('\n\n')}\n`
}

function renderDeployment(plan: Planned): string {
  const lines = [
    `machinedeployment ${plan.namespace}/${plan.deployment}: ${summary(plan)}`,
    ...plan.problems.map((problem) => `  ! ${problem}`),
    ...plan.changes.map(({ field, before, after }) => `  ~ ${field}: ${before} → ${after}`),
    ...limits(plan),
    ...plan.first.map((step, index) => `  ${index === 0 ? 'first' : '     '}  ${step}`),
  ]
  const rows = machineRows(plan.machines)
  return [...lines, ...(rows.length === 0 ? [] : ['', ...rows]), ...budgets(plan)].join('\n')
}

function summary({ machines, created }: Planned): string {
  const counts = Object.entries(words).flatMap(([fate, word]) => {
    const count = machines.filter((one) => one.fate === fate).length
    return count === 0 ? [] : [`${count} ${fate === 'keep' ? '' : 'to '}${word}`]
  })
  const all = [...(created === 0 ? [] : [`${created} to make`]), ...counts]
  return all.length === 0 ? 'no machines' : all.join(', ')
}

function limits({ machines, bounds, strategy }: Planned): readonly string[] {
  if (!machines.some(({ fate }) => fate === 'replace' || fate === 'updateInPlace')) return []
  const { replicas, maxSurge, mostServers, fewestAvailable, waves } = bounds
  const surge = maxSurge === 0 ? 'no surge' : `${replicas} and a surge of ${maxSurge}`
  return [
    `  ${strategy}: at most ${mostServers} servers at a time (${surge}), at least ${fewestAvailable} available; about ${waves} ${waves === 1 ? 'wave' : 'waves'}`,
  ]
}

/** Untouched machines are counted, not listed. */
function machineRows(machines: readonly MachineFate[]): readonly string[] {
  const touched = machines.filter(({ fate }) => fate !== 'keep')
  if (touched.length === 0) return []
  const rows = touched.map(({ machine, phase, node = '', fate, because }) => [
    machine,
    phase,
    node,
    words[fate],
    because.join(', '),
  ])
  return table([['MACHINE', 'PHASE', 'NODE', 'WHAT', 'BECAUSE OF'], ...rows]).map((line) => `  ${line}`)
}

function budgets({ blockers, machines }: Planned): readonly string[] {
  const drained = machines.some(({ fate }) => fate !== 'keep' && fate !== 'update')
  if (!drained) return []
  if (blockers === undefined)
    return ['', '  name the cluster with --target-kubeconfig to see which budgets would block']
  if (blockers.length === 0) return ['', '  no disruption budget would block as things stand']
  const lines = blockers.map(
    ({ machine, pod, budgets: names, why }) => `  ! ${machine}: pod ${pod} is held by ${names.join(' and ')} (${why})`,
  )
  return ['', ...lines]
}

function renderClass({ namespace, class: name, changes, live, machines }: ClassPlan): string {
  const count = machines === 1 ? '1 machine was made from it' : `${machines} machines were made from it`
  const scopes = [
    ...(live.length === 0 ? [] : ['changes marked live reach the servers that run']),
    ...(changes.length === 0 ? [] : [`${live.length === 0 ? '' : 'other '}changes count for new servers`]),
  ]
  const what = scopes.length === 0 ? `no changes; ${count}` : `${count} before; ${scopes.join(', ')}`
  const lines = [
    ...live.map(({ field, before, after }) => `  ~ ${field}: ${before} → ${after} (live)`),
    ...changes.map(({ field, before, after }) => `  ~ ${field}: ${before} → ${after}`),
  ]
  return [`machineclass ${namespace}/${name}: ${what}`, ...lines].join('\n')
}
