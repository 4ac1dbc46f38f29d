import { Failure } from '@trellis/foundation/failure'
import { familyOf, hostCidr, overlap } from '../address.ts'
import type { HostConfiguration, HostRoute, HostRule } from './configuration.ts'
import type { HostStep } from './plan.ts'
import { defaultRuleProtocol, mainTable, type PresentRoute, type RoutingSnapshot } from './routing-snapshot.ts'

/** Refuses to take over a network that another interface reaches: that would cut this host off from it. Routes in tables of their own are asked by rules only. */
export function refuseOverlap({ foreignRoutes }: RoutingSnapshot, wanted: HostConfiguration): void {
  for (const { destination, table = mainTable } of wanted.routes) {
    if (table !== mainTable) continue
    const taken = foreignRoutes.find((route) => overlap(route.destination, destination))
    if (taken === undefined) continue
    throw new Failure('Invalid', `${destination} overlaps with ${taken.destination} behind ${taken.interfaceName}`, {
      field: 'networks',
      remedy: 'give the two sides networks of their own, or call the far one by another name (translation)',
    })
  }
}

/**
 * The steps to the wanted routes. A route that moves to another link is replaced in one step, never deleted before, so that there is no moment
 * without one.
 */
export function routeSteps({ routes }: RoutingSnapshot, wanted: HostConfiguration): HostStep[] {
  const own: readonly string[] = wanted.addresses.map(hostCidr)
  const targets = wanted.routes.map((route) => resolved(route, wanted))
  const isTarget = (present: PresentRoute) => targets.some((target) => samePlace(target, present))
  const missing = targets.filter((target) => !routes.some((present) => same(target, present)))
  const obsolete = routes.filter(
    (present) => !own.includes(present.destination) && (present.metric !== undefined || !isTarget(present)),
  )
  return [
    ...obsolete.map((route) => routeStep('delete', route)),
    ...missing.map((route) => routeStep('replace', route)),
  ]
}

/** The steps to the wanted rules: new ones first, so that no packet falls through meanwhile. */
export function ruleSteps(
  { rules }: RoutingSnapshot,
  wanted: Pick<HostConfiguration, 'rules' | 'ruleProtocol'>,
): HostStep[] {
  const { rules: targets = [], ruleProtocol = defaultRuleProtocol } = wanted
  const [present, asked] = [rules.map(ruleWords), targets.map(ruleWords)]
  const step = (verb: 'add' | 'delete', words: string): HostStep => {
    const [family = '', ...rest] = words.split(' ')
    return { kind: 'ip', args: [family, 'rule', verb, ...rest, 'protocol', String(ruleProtocol)] }
  }
  return [
    ...asked.filter((words) => !present.includes(words)).map((words) => step('add', words)),
    ...present.filter((words) => !asked.includes(words)).map((words) => step('delete', words)),
  ]
}

function resolved(route: HostRoute, { links }: HostConfiguration): PresentRoute {
  const { destination, source, interfaceName = links[0]?.interfaceName ?? '', table = mainTable } = route
  return { destination, source, interfaceName, table, maximumTransmissionUnit: route.maximumTransmissionUnit }
}

function samePlace(a: PresentRoute, b: PresentRoute): boolean {
  return a.destination === b.destination && a.table === b.table
}

function same(a: PresentRoute, b: PresentRoute): boolean {
  const fields = ['interfaceName', 'source', 'metric', 'maximumTransmissionUnit'] as const
  return samePlace(a, b) && fields.every((field) => a[field] === b[field])
}

function routeStep(verb: 'delete' | 'replace', route: PresentRoute): HostStep {
  const { destination, interfaceName, source, table, metric, maximumTransmissionUnit: size } = route
  return {
    kind: 'ip',
    args: [
      ...[`-${familyOf(destination)}`, 'route', verb, destination, 'dev', interfaceName],
      ...(verb === 'delete' || source === undefined ? [] : ['src', source]),
      ...(verb === 'delete' || size === undefined ? [] : ['mtu', String(size)]),
      ...(table === mainTable ? [] : ['table', String(table)]),
      ...(metric === undefined ? [] : ['metric', String(metric)]),
    ],
  }
}

function ruleWords({ family, priority, from, to, mark, table }: HostRule): string {
  return [
    `-${family}`,
    'from',
    from ?? 'all',
    ...(to === undefined ? [] : ['to', to]),
    ...(mark === undefined ? [] : ['fwmark', String(mark)]),
    ...['table', String(table), 'priority', String(priority)],
  ].join(' ')
}
