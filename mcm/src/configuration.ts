import { type CloudEndpoints, parseCloudEndpoints } from '@trellis/cloudprovider/contract/cloud-endpoints'
import { Failure } from '@trellis/foundation/failure'
import { parseDuration } from './common/duration.ts'
import { type ControllerName, leaseNameFor, needProvider, selectControllers } from './controller-selection.ts'
import { isProviderName, type ProviderName, providerNames } from './drivers.ts'
import { type FlagValues, flagTable, parseFlags } from './flags.ts'
import { type MachineSettings, splitList } from './machine/settings.ts'
import type { SafetySettings } from './safety/settings.ts'

/** Where a cluster's kubeconfig comes from. */
export type ClusterSource = { readonly file: string } | { readonly inCluster: true }

/** How a machine controller manager is to run, checked once at its start. */
export interface Configuration {
  readonly control: ClusterSource
  /** Undefined when machines join no cluster. */
  readonly target: ClusterSource | undefined
  readonly namespace: string
  /** Undefined when no controller runs that calls the cloud. */
  readonly provider: ProviderName | undefined
  /** Addresses in place of the cloud's own, by service. */
  readonly cloudEndpoints: CloudEndpoints
  readonly controllers: ReadonlySet<ControllerName>
  readonly address: string
  readonly port: number
  readonly concurrentMachines: number
  readonly concurrentSyncs: number
  readonly settings: MachineSettings
  readonly bootstrapTokenKeyFile: string | undefined
  readonly bootstrapTokenExtraGroups: string
  readonly orphanPeriodMilliseconds: number
  readonly resyncMilliseconds: number
  readonly startIntervalMilliseconds: number
  /** Limit of requests to each API server; none when undefined. */
  readonly requestLimit: { readonly perSecond: number; readonly burst: number } | undefined
  readonly profiling: boolean
  /** Every flag and its value, for people; no flag holds a secret. */
  readonly flags: FlagValues
  readonly safety: SafetySettings
  readonly keepNodesDuringRollout: boolean
  readonly simulatedCloudFile: string | undefined
  readonly leaderElection: LeaderElection | undefined
  readonly logLevel: 'debug' | 'info'
}

/** How long a lease holds and how it is renewed. */
export interface LeaderElection {
  readonly name: string
  readonly namespace: string
  readonly leaseDurationSeconds: number
  readonly renewDeadlineSeconds: number
  readonly retryPeriodSeconds: number
}

/** The ports of the reference's two processes, which may share a pod. */
function portFor(controllers: ReadonlySet<ControllerName>): number {
  return controllers.has('machineset') || controllers.has('machinedeployment') ? 10_258 : 10_259
}

/** Reads the arguments of the process; throws `Invalid` that names the flag. */
export function readConfiguration(args: readonly string[]): Configuration {
  const values = parseFlags(flagTable, args)
  const text = (name: string) => String(values[name] ?? '')
  const count = (name: string) => wholeNumber(values, name)
  const milliseconds = (name: string) => parseDuration(text(name), `--${name}`)
  const concurrentSyncs = count('concurrent-syncs')
  const controllers = selectControllers(splitList(text('controllers')))
  const port = text('port') === '' ? portFor(controllers) : count('port')
  return {
    ...clusters(text('control-kubeconfig'), text('target-kubeconfig')),
    namespace: text('namespace'),
    provider: providerOf(text('provider') || text('cloud-provider'), controllers),
    cloudEndpoints: parseCloudEndpoints(text('cloud-endpoints')),
    controllers,
    address: text('address'),
    port,
    concurrentMachines: concurrentSyncs,
    concurrentSyncs: Math.max(1, Math.min(concurrentSyncs, 10)),
    settings: {
      creationTimeoutMilliseconds: milliseconds('machine-creation-timeout'),
      healthTimeoutMilliseconds: milliseconds('machine-health-timeout'),
      drainTimeoutMilliseconds: milliseconds('machine-drain-timeout'),
      inPlaceUpdateTimeoutMilliseconds: milliseconds('machine-inplace-update-timeout'),
      preserveTimeoutMilliseconds: milliseconds('machine-preserve-timeout'),
      maxEvictRetries: count('machine-max-evict-retries'),
      pvDetachTimeoutMilliseconds: milliseconds('machine-pv-detach-timeout'),
      pvReattachTimeoutMilliseconds: milliseconds('machine-pv-reattach-timeout'),
      nodeConditions: splitList(text('node-conditions')),
      resourceExhaustedRetryMilliseconds: milliseconds('resource-exhausted-retry'),
    },
    bootstrapTokenKeyFile: text('bootstrap-token-key') || undefined,
    bootstrapTokenExtraGroups: text('bootstrap-token-auth-extra-groups'),
    orphanPeriodMilliseconds: milliseconds('machine-safety-orphan-vms-period'),
    resyncMilliseconds: milliseconds('min-resync-period'),
    startIntervalMilliseconds: milliseconds('controller-start-interval'),
    requestLimit: requestLimit(values),
    profiling: values.profiling === true,
    flags: { ...values, port },
    safety: safety(count, milliseconds),
    keepNodesDuringRollout: values['autoscaler-scaledown-annotation-during-rollout'] === true,
    simulatedCloudFile: text('simulated-cloud') || undefined,
    leaderElection: values['leader-elect'] === true ? leaderElection(values, controllers) : undefined,
    logLevel: Number(values.v ?? 0) >= 4 ? 'debug' : 'info',
  }
}

function clusters(control: string, target: string): Pick<Configuration, 'control' | 'target'> {
  const sourceOf = (text: string): ClusterSource =>
    text === 'inClusterConfig' || text === '' ? { inCluster: true } : { file: text }
  const controlText = control === '' && target !== 'none' ? target : control
  const targetText = target === '' ? control : target
  return { control: sourceOf(controlText), target: target === 'none' ? undefined : sourceOf(targetText) }
}

function providerOf(text: string, controllers: ReadonlySet<ControllerName>): Configuration['provider'] {
  if (isProviderName(text)) return text
  if (text === '' && !needProvider(controllers)) return undefined
  const problem = text === '' ? 'no provider is named' : `there is no provider ${text}`
  throw new Failure('Invalid', problem, { field: '--provider', remedy: `choose one of ${providerNames.join(', ')}` })
}

function wholeNumber(values: FlagValues, name: string): number {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= 0) return value
  throw new Failure('Invalid', `${String(values[name])} is not a whole number`, { field: `--${name}` })
}

function requestLimit(values: FlagValues): Configuration['requestLimit'] {
  const perSecond = Number(values['kube-api-qps'])
  const burst = wholeNumber(values, 'kube-api-burst')
  if (perSecond < 0) {
    throw new Failure('Invalid', `${perSecond} is negative`, {
      field: '--kube-api-qps',
      remedy: 'write 0 for no limit',
    })
  }
  if (perSecond === 0) return undefined
  return { perSecond, burst: burst === 0 ? Math.ceil(perSecond * 1.5) : burst }
}

function safety(count: (name: string) => number, milliseconds: (name: string) => number): SafetySettings {
  const statusCheck = '--machine-safety-apiserver-statuscheck'
  const overshoot = {
    safetyUp: count('safety-up'),
    safetyDown: count('safety-down'),
    periodMilliseconds: milliseconds('machine-safety-overshooting-period'),
  }
  const apiServer = {
    timeoutMilliseconds: milliseconds('machine-safety-apiserver-statuscheck-timeout'),
    periodMilliseconds: milliseconds('machine-safety-apiserver-statuscheck-period'),
  }
  if (apiServer.periodMilliseconds < apiServer.timeoutMilliseconds) {
    throw new Failure('Invalid', 'the period is shorter than the timeout', {
      field: `${statusCheck}-period`,
      remedy: `give it at least the value of ${statusCheck}-timeout`,
    })
  }
  if (overshoot.periodMilliseconds === 0) {
    throw new Failure('Invalid', 'the period must be longer than nothing', {
      field: '--machine-safety-overshooting-period',
    })
  }
  return { overshoot, apiServer }
}

function leaderElection(values: FlagValues, controllers: ReadonlySet<ControllerName>): LeaderElection {
  const text = (name: string) => String(values[`leader-elect-${name}`] ?? '')
  const seconds = (name: string) => parseDuration(text(name), `--leader-elect-${name}`) / 1000
  if (text('resource-lock') !== 'leases') {
    throw new Failure('Invalid', `${text('resource-lock')} cannot be locked`, {
      field: '--leader-elect-resource-lock',
      remedy: 'write leases',
    })
  }
  const election = {
    name: text('resource-name') || leaseNameFor(controllers),
    namespace: text('resource-namespace') || String(values.namespace ?? ''),
    leaseDurationSeconds: seconds('lease-duration'),
    renewDeadlineSeconds: seconds('renew-deadline'),
    retryPeriodSeconds: seconds('retry-period'),
  }
  if (
    election.leaseDurationSeconds > election.renewDeadlineSeconds &&
    election.renewDeadlineSeconds > election.retryPeriodSeconds
  ) {
    return election
  }
  throw new Failure(
    'Invalid',
    'the lease duration must be longer than the renew deadline, and that longer than the retry period',
    {
      field: '--leader-elect-renew-deadline',
    },
  )
}
