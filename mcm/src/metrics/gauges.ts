import type { KubernetesObject } from '@trellis/api/meta'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import { Counter, Gauge, type Registry } from 'prom-client'

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>

/** One line of a metric. */
export type Sample = readonly [Labels, number]

/** A gauge that is counted whenever it is read. */
export interface CountedGauge {
  /** Without the prefix `mcm_`. */
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly samples: () => Iterable<Sample>
}

/** Registers one gauge. */
export type RegisterGauge = (gauge: CountedGauge) => void

/**
 * Registers gauges whose samples are made when metrics are read and forgotten afterwards: what is gone is never shown again, and a
 * thousand machines cost no memory between two readings. A gauge that cannot be counted is left out of the reading and counted in
 * `mcm_misc_scrape_failure_total`.
 */
export function createGaugeRegistrar(registry: Registry, log: Log): RegisterGauge {
  const failures = new Counter({
    name: 'mcm_misc_scrape_failure_total',
    help: 'Metrics that could not be counted.',
    labelNames: ['kind', 'binary'],
    registers: [registry],
  })
  return ({ name, help, labelNames, samples }) => {
    const gauge = new Gauge({ name: `mcm_${name}`, help, labelNames: [...labelNames], registers: [] })
    const values = () => {
      try {
        return [...samples()].map(([labels, value]) => ({ labels: { ...labels }, value }))
      } catch (error) {
        failures.inc({ kind: name, binary: 'machine-controller-manager' })
        log.warn({ metric: name, error: describe(error) }, 'a metric could not be counted')
        return []
      }
    }
    const plain = gauge.get.bind(gauge)
    const read = async () => ({ ...(await plain()), values: values() })
    registry.registerMetric(Object.assign(gauge, { get: read }))
  }
}

/** Labels that most metrics of one object have. */
export const named = ['name', 'namespace'] as const

/** The labels {@link named} of an object. */
export function nameOf({ metadata }: KubernetesObject): Labels {
  return { name: metadata.name, namespace: metadata.namespace ?? '' }
}

/** When an object was created, in seconds, as dashboards know it. */
export function createdAtLabel({ metadata }: KubernetesObject): string {
  const instant = Date.parse(metadata.creationTimestamp ?? '')
  return Number.isNaN(instant) ? '' : String(Math.floor(instant / 1000))
}

/** One sample for each condition: 1 True, 0 False, 2 Unknown. */
export function conditionSamples(
  object: KubernetesObject,
  conditions: readonly { readonly type: string; readonly status: string }[] = [],
): readonly Sample[] {
  const numbers: Readonly<Record<string, number>> = { True: 1, False: 0 }
  return conditions.map(({ type, status }) => [{ ...nameOf(object), condition: type }, numbers[status] ?? 2])
}
