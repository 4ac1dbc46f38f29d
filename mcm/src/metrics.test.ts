import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { withMetrics } from '@trellis/cloudprovider/contract/with-metrics'
import { createSilentLog } from '@trellis/foundation/log'
import { registerProcessMetrics } from '@trellis/foundation/process-metrics'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createClientMetrics } from '@trellis/kubernetes/client-prometheus'
import { createQueueMetrics } from '@trellis/kubernetes/queue-prometheus'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { divisions } from '../testing/divisions.ts'
import { epoch } from '../testing/objects.ts'
import { createRig, createRigManager, deploymentOf, plant, scale } from '../testing/rig.ts'
import { idleDriver } from './idle-driver.ts'
import { createGaugeRegistrar } from './metrics/gauges.ts'

const object = 'name namespace'
const place = 'namespace machine_deployment instance_type zone'
const failedMachine =
  'failed_machine_name failed_machine_provider_id failed_machine_owner_ref failed_machine_last_operation_state failed_machine_last_operation_machine_operation_type'

/** Names and labels under which dashboards and alerts made for the reference ask. */
const known: Readonly<Record<string, string>> = {
  mcm_machine_controller_frozen: '',
  mcm_machine_items_total: '',
  mcm_machine_current_status_phase: object,
  mcm_machine_info: `${object} createdAt spec_provider_id spec_class_api_group spec_class_kind spec_class_name node_name`,
  mcm_machine_status_condition: `${object} condition`,
  mcm_machine_create_duration_seconds: place,
  mcm_machine_initialize_duration_seconds: place,
  mcm_machine_join_duration_seconds: place,
  mcm_machine_drain_duration_seconds: 'namespace machine_deployment',
  mcm_machine_delete_duration_seconds: place,
  mcm_machine_num_failed_join: place,
  mcm_machine_stale_machines_total: '',
  mcm_machine_set_items_total: '',
  mcm_machine_set_info: `${object} createdAt spec_machine_class_api_group spec_machine_class_kind spec_machine_class_name`,
  mcm_machine_set_info_spec_replicas: object,
  mcm_machine_set_info_spec_min_ready_seconds: object,
  mcm_machine_set_status_condition: `${object} condition`,
  mcm_machine_set_failed_machines: `${object} ${failedMachine}`,
  mcm_machine_set_status_available_replicas: object,
  mcm_machine_set_status_fully_labelled_replicas: object,
  mcm_machine_set_status_ready_replicas: object,
  mcm_machine_set_status_replicas: object,
  mcm_machine_deployment_items_total: '',
  mcm_machine_deployment_info: `${object} createdAt spec_strategy_type`,
  mcm_machine_deployment_info_spec_paused: object,
  mcm_machine_deployment_info_spec_replicas: object,
  mcm_machine_deployment_info_spec_min_ready_seconds: object,
  mcm_machine_deployment_info_spec_rolling_update_max_surge: object,
  mcm_machine_deployment_info_spec_rolling_update_max_unavailable: object,
  mcm_machine_deployment_info_spec_revision_history_limit: object,
  mcm_machine_deployment_info_spec_progress_deadline_seconds: object,
  mcm_machine_deployment_info_spec_rollback_to_revision: object,
  mcm_machine_deployment_status_condition: `${object} condition`,
  mcm_machine_deployment_status_available_replicas: object,
  mcm_machine_deployment_status_unavailable_replicas: object,
  mcm_machine_deployment_status_ready_replicas: object,
  mcm_machine_deployment_status_updated_replicas: object,
  mcm_machine_deployment_status_collision_count: object,
  mcm_machine_deployment_status_replicas: object,
  mcm_machine_deployment_failed_machines: `${object} ${failedMachine}`,
  mcm_cloud_api_requests_total: 'provider service',
  mcm_cloud_api_requests_failed_total: 'provider service',
  mcm_cloud_api_api_request_duration_seconds: 'provider service',
  mcm_cloud_api_driver_request_duration_seconds: 'provider operation',
  mcm_cloud_api_driver_requests_failed_total: 'provider operation error_code',
  mcm_misc_scrape_failure_total: 'kind binary',
  mcm_workqueue_depth: 'name',
  mcm_workqueue_adds_total: 'name',
  mcm_workqueue_queue_duration_seconds: 'name',
  mcm_workqueue_work_duration_seconds: 'name',
  mcm_workqueue_unfinished_work_seconds: 'name',
  mcm_workqueue_longest_running_processor_seconds: 'name',
  mcm_workqueue_retries_total: 'name',
  rest_client_requests_total: 'code method host',
  rest_client_request_latency_seconds: 'verb url',
}

const namespace = 'ns'

async function setUp(replicas: number) {
  const clock = createVirtualClock(epoch)
  const random = createSeededRandom('metrics')
  const client = createFakeClient({ clock, random: random.child('server') })
  const cloud = { createMilliseconds: 1000, deleteMilliseconds: 500, needsInitialization: true }
  const rig = createRig({ clock, random, control: client, namespace, cloud, joinMilliseconds: 2000 })
  await plant(client, namespace, deploymentOf(namespace, 'pool', replicas))
  rig.start()
  await clock.advance(20_000)
  return { clock, client, rig }
}

const linesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(`${name}{`))

describe('the metrics', () => {
  it('have every name and label that dashboards ask for, and no other', async () => {
    const { clock, rig } = await setUp(1)
    createClientMetrics(rig.registry)
    withMetrics({ clock, registry: rig.registry }, idleDriver)
    const found = rig.registry.getMetricsAsArray() as unknown as readonly {
      name: string
      labelNames: readonly string[]
    }[]
    expect(Object.fromEntries(found.map(({ name, labelNames }) => [name, labelNames.join(' ')]).sort())).toEqual(
      Object.fromEntries(Object.entries(known).sort()),
    )
    await rig[Symbol.asyncDispose]()
  })

  it('include what scrape configurations keep beside them', async () => {
    const registry = new Registry()
    registerProcessMetrics(registry)
    const text = await registry.metrics()
    expect(['process_open_fds', 'process_max_fds'].filter((name) => !text.includes(`# TYPE ${name} gauge`))).toEqual([])
  })

  it('bear exactly the labels that they declare', async () => {
    const { rig } = await setUp(2)
    const all = (await rig.registry.getMetricsAsJSON()) as MetricObjectWithValues<MetricValue<string>>[]
    for (const { name, values } of all) {
      for (const { labels } of values) {
        const names = Object.keys(labels).filter((label) => !['le', 'quantile'].includes(label))
        expect({ name, labels: names.sort() }).toEqual({
          name,
          labels: (known[name] ?? '').split(' ').filter(Boolean).sort(),
        })
      }
    }
    await rig[Symbol.asyncDispose]()
  })

  it('count what there is, under the right names, and forget what has gone', async () => {
    const { clock, client, rig } = await setUp(2)
    const text = await rig.registry.metrics()
    const [machine] = await rig.machines()
    const { name = '', labels = {} } = machine?.metadata ?? {}
    expect(text).toContain(`mcm_machine_current_status_phase{name="${name}",namespace="ns"} 1`)
    expect(text).toMatch(
      new RegExp(`mcm_machine_info\\{name="${name}".*createdAt="17672256\\d\\d".*node_name="${labels.node}"`),
    )
    expect(linesOf(text, 'mcm_machine_join_duration_seconds')).toEqual([
      expect.stringMatching(/\{namespace="ns",machine_deployment="pool",instance_type="",zone=""\} [\d.]+$/),
    ])
    expect(linesOf(text, 'mcm_machine_initialize_duration_seconds')).toHaveLength(1)
    expect(linesOf(text, 'mcm_machine_deployment_info_spec_rolling_update_max_surge')).toEqual([
      'mcm_machine_deployment_info_spec_rolling_update_max_surge{name="pool",namespace="ns"} 1',
    ])
    expect(linesOf(text, 'mcm_machine_deployment_info_spec_revision_history_limit')).toEqual([])
    await scale(client, namespace, 'pool', 0)
    await clock.advance(10_000)
    await client.delete(machineDeployments, { namespace, name: 'pool' })
    await clock.advance(10_000)
    const after = await rig.registry.metrics()
    expect(after.split('\n').filter((line) => /"pool|machine_deployment="/.test(line))).toEqual([])
    expect(after).toContain('mcm_machine_items_total 0')
    await rig[Symbol.asyncDispose]()
  })

  it('tell which metric could not be counted, and show the others', async () => {
    const registry = new Registry()
    const gauge = createGaugeRegistrar(registry, createSilentLog())
    gauge({ name: 'sound', help: 'h', labelNames: [], samples: () => [[{}, 1]] })
    gauge({
      name: 'broken',
      help: 'h',
      labelNames: [],
      samples: () => {
        throw new TypeError('no')
      },
    })
    await registry.metrics()
    const text = await registry.metrics()
    expect(text).toContain('mcm_sound 1')
    expect(text).toContain('mcm_misc_scrape_failure_total{kind="broken",binary="machine-controller-manager"} 1')
  })

  it.each(divisions)('show each object once, divided into $name', ({ parts }) => {
    const clock = createVirtualClock(epoch)
    const random = createSeededRandom('metrics')
    const control = createFakeClient({ clock, random })
    const common = { clock, random, control, target: control, driver: idleDriver, log: createSilentLog() }
    const names = parts.flatMap((part) => {
      const { registry } = createRigManager({ namespace: 'ns' }, { ...common, controllers: new Set(part) })
      return registry.getMetricsAsArray().map(({ name }) => name)
    })
    const shown = names.filter((name) => /_(items_total|info|frozen)$/.test(name)).sort()
    const all = Object.keys(known).filter((name) => /_(items_total|info|frozen)$/.test(name))
    expect(shown).toEqual(all.sort())
  })

  it('can be registered beside those of queues', () => {
    const registry = new Registry()
    createQueueMetrics(createVirtualClock(epoch), registry, 'mcm_')
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toContain('mcm_workqueue_depth')
  })
})
