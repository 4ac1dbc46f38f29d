import type { Clock } from '@trellis/foundation/clock'
import { Counter, Histogram, type Registry } from 'prom-client'
import { decorate } from './decorate.ts'
import type { Driver, DriverOperation } from './driver.ts'
import { callCodeOf } from './machine-codes.ts'

/** The operation as metrics have always named it. */
const labels: Readonly<Record<DriverOperation, string>> = {
  createMachine: 'create_machine',
  initializeMachine: 'initialize_machine',
  deleteMachine: 'delete_machine',
  deleteServer: 'delete_server',
  getMachineStatus: 'get_machine_status',
  listMachines: 'list_machine',
  listLeftovers: 'list_leftovers',
  deleteLeftover: 'delete_leftover',
  getVolumeIds: 'get_volume_ids',
  getConsoleOutput: 'get_console_output',
  updateMachine: 'update_machine',
}

const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** Counts and times every call in `registry`. A registry can hold one driver only. */
export function withMetrics(
  { clock, registry }: { readonly clock: Clock; readonly registry: Registry },
  driver: Driver,
): Driver {
  const registers = [registry]
  const provider = driver.provider
  const requests = new Counter({
    name: 'mcm_cloud_api_requests_total',
    help: 'Calls of the cloud.',
    labelNames: ['provider', 'service'],
    registers,
  })
  const failures = new Counter({
    name: 'mcm_cloud_api_requests_failed_total',
    help: 'Calls of the cloud that failed.',
    labelNames: ['provider', 'service'],
    registers,
  })
  const callSeconds = new Histogram({
    name: 'mcm_cloud_api_api_request_duration_seconds',
    help: 'Time a call of the cloud took.',
    labelNames: ['provider', 'service'],
    buckets,
    registers,
  })
  const driverSeconds = new Histogram({
    name: 'mcm_cloud_api_driver_request_duration_seconds',
    help: 'Time a call of the driver took.',
    labelNames: ['provider', 'operation'],
    buckets,
    registers,
  })
  const driverFailures = new Counter({
    name: 'mcm_cloud_api_driver_requests_failed_total',
    help: 'Calls of the driver that failed, by code.',
    labelNames: ['provider', 'operation', 'error_code'],
    registers,
  })
  return decorate(driver, async (operation, call, signal) => {
    const began = clock.now()
    const label = labels[operation]
    requests.inc({ provider, service: label })
    try {
      return await call()
    } catch (error) {
      failures.inc({ provider, service: label })
      driverFailures.inc({ provider, operation: label, error_code: callCodeOf(error, operation, signal) })
      throw error
    } finally {
      const seconds = (clock.now() - began) / 1000
      callSeconds.observe({ provider, service: label }, seconds)
      driverSeconds.observe({ provider, operation: label }, seconds)
    }
  })
}
