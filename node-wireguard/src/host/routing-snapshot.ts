import type { CommandRunner } from '@trellis/foundation/command'
import { type Cidr, type IpAddress, parseCidr, parseIpAddress } from '../address.ts'
import type { HostRule } from './configuration.ts'
import { number, readIpJson, text } from './ip-json.ts'

/** The table that packets ask unless a rule says otherwise. */
export const mainTable = 254
/** Marks routing rules as ours unless the configuration says otherwise; no routing daemon that is known uses it. */
export const defaultRuleProtocol = 175

/** A route as the kernel has it. */
export interface PresentRoute {
  readonly destination: Cidr
  readonly interfaceName: string
  readonly source?: IpAddress | undefined
  readonly table: number
  /** Largest packet that goes this way, when it is smaller than what the interface takes. */
  readonly maximumTransmissionUnit?: number | undefined
  /** Metric, when it is another than routes get that are made without one. */
  readonly metric?: number | undefined
}

/** What the routing of this network namespace looks like. */
export interface RoutingSnapshot {
  /** Routes through the given interfaces, in every table; those that the kernel makes for addresses left out. */
  readonly routes: readonly PresentRoute[]
  /** Networks that other interfaces reach by the main table, default routes left out. */
  readonly foreignRoutes: readonly { readonly destination: Cidr; readonly interfaceName: string }[]
  /** Rules that carry our mark. */
  readonly rules: readonly HostRule[]
}

const kernelProtocol = '2'
/** What IPv6 calls the metric of a route that was made without one. */
const usualMetrics = [undefined, 0, 1024]

/** Looks at routes and rules. */
export async function takeRoutingSnapshot(
  runner: CommandRunner,
  interfaceNames: readonly string[],
  ruleProtocol: number,
): Promise<RoutingSnapshot> {
  // Numbers instead of names, which every machine may choose.
  const rows = await readIpJson(runner, ['-N', 'route', 'show', 'table', 'all'])
  const routes = rows.flatMap(routeOf)
  const own = routes.filter((route) => interfaceNames.includes(route.interfaceName) && !route.ofKernel)
  const foreign = routes.filter(
    ({ interfaceName, table, destination }) =>
      !interfaceNames.includes(interfaceName) && table === mainTable && !destination.endsWith('/0'),
  )
  return {
    routes: own.map(({ ofKernel: _, ...route }) => route),
    foreignRoutes: foreign.map(({ destination, interfaceName }) => ({ destination, interfaceName })),
    rules: [...(await rulesOf(runner, 4, ruleProtocol)), ...(await rulesOf(runner, 6, ruleProtocol))],
  }
}

function routeOf(row: Readonly<Record<string, unknown>>): (PresentRoute & { readonly ofKernel: boolean })[] {
  const [dst, dev, prefsrc, table, metric] = [
    text(row.dst),
    text(row.dev),
    text(row.prefsrc),
    text(row.table),
    number(row.metric),
  ]
  // A kind is named only when it is not unicast.
  if (dst === undefined || dev === undefined || row.type !== undefined || dst.startsWith('fe80:')) return []
  // The metric is what tells the families' default routes apart: IPv6 always has one and a preference.
  const everything = row.pref === undefined ? '0.0.0.0/0' : '::/0'
  return [
    {
      destination: parseCidr(dst === 'default' ? everything : dst, 'route'),
      interfaceName: dev,
      source: prefsrc === undefined ? undefined : parseIpAddress(prefsrc, 'route'),
      table: table === undefined ? mainTable : Number(table),
      maximumTransmissionUnit: sizeOf(row.metrics),
      metric: usualMetrics.includes(metric) ? undefined : metric,
      ofKernel: row.protocol === kernelProtocol,
    },
  ]
}

/** Shown as a list of one object, as in `[{"mtu":1300}]`. */
function sizeOf(metrics: unknown): number | undefined {
  const [first] = Array.isArray(metrics) ? (metrics as readonly unknown[]) : []
  return typeof first === 'object' && first !== null ? number((first as Record<string, unknown>).mtu) : undefined
}

async function rulesOf(runner: CommandRunner, family: 4 | 6, ruleProtocol: number): Promise<HostRule[]> {
  const rows = await readIpJson(runner, ['-N', `-${family}`, 'rule', 'show'])
  return rows
    .filter((row) => row.protocol === String(ruleProtocol))
    .map((row) => {
      const [mark, from, to] = [text(row.fwmark), sideOf(row, 'src'), sideOf(row, 'dst')]
      return {
        family,
        priority: number(row.priority) ?? 0,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        ...(mark === undefined ? {} : { mark: Number(mark) }),
        table: Number(row.table),
      }
    })
}

function sideOf(row: Readonly<Record<string, unknown>>, side: 'src' | 'dst'): Cidr | undefined {
  const address = text(row[side])
  if (address === undefined || address === 'all') return undefined
  const length = number(row[`${side}len`])
  return parseCidr(length === undefined ? address : `${address}/${length}`, 'rule')
}
