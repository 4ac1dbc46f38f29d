import { Failure } from '@trellis/foundation/failure'
import { parseDuration } from './common/duration.ts'
import { type FlagValues, flagTable, parseFlags } from './flags.ts'
import { type MachineSettings, splitList } from './machine/settings.ts'

/** Where a cluster's kubeconfig comes from. */
export type ClusterSource = { readonly file: string } | { readonly inCluster: true }

/** How a machine controller manager is to run, checked once at its start. */
export interface Configuration {
  readonly control: ClusterSource
  /** Undefined when machines join no cluster. */
  readonly target: ClusterSource | undefined
  readonly namespace: string
  readonly provider: 'local' | 'simulated'
  readonly address: string
  readonly port: number
  readonly concurrentMachines: number
  readonly concurrentSyncs: number
  readonly settings: MachineSettings
  readonly bootstrapTokenKeyFile: string | undefined
  readonly bootstrapTokenExtraGroups: string
  readonly orphanPeriodMilliseconds: number
  readonly simulatedCloudFile: string | undefined
  readonly leaderElection: LeaderElection | undefined
  readonly logLevel: 'debug' | 'info'
}

/** How long a lease holds and how it is renewed. */
export interface LeaderElection {
  readonly leaseDurationSeconds: number
  readonly renewDeadlineSeconds: number
  readonly retryPeriodSeconds: number
}

/** Reads the arguments of the process; throws `Invalid` that names the flag. */
export function readConfiguration(args: readonly string[]): Configuration {
  const values = parseFlags(flagTable, args)
  const text = (name: string) => String(values[name] ?? '')
  const count = (name: string) => wholeNumber(values, name)
  const milliseconds = (name: string) => parseDuration(text(name), `--${name}`)
  const concurrentSyncs = count('concurrent-syncs')
  return {
    ...clusters(text('control-kubeconfig'), text('target-kubeconfig')),
    namespace: text('namespace'),
    provider: providerOf(text('provider') || text('cloud-provider')),
    address: text('address'),
    port: count('port'),
    concurrentMachines: concurrentSyncs,
    concurrentSyncs: Math.max(1, Math.min(concurrentSyncs, 10)),
    settings: {
      creationTimeoutMilliseconds: milliseconds('machine-creation-timeout'),
      healthTimeoutMilliseconds: milliseconds('machine-health-timeout'),
      drainTimeoutMilliseconds: milliseconds('machine-drain-timeout'),
      maxEvictRetries: count('machine-max-evict-retries'),
      nodeConditions: splitList(text('node-conditions')),
      resourceExhaustedRetryMilliseconds: milliseconds('resource-exhausted-retry'),
    },
    bootstrapTokenKeyFile: text('bootstrap-token-key') || undefined,
    bootstrapTokenExtraGroups: text('bootstrap-token-auth-extra-groups'),
    orphanPeriodMilliseconds: milliseconds('machine-safety-orphan-vms-period'),
    simulatedCloudFile: text('simulated-cloud') || undefined,
    leaderElection: values['leader-elect'] === true ? leaderElection(milliseconds) : undefined,
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

function providerOf(text: string): Configuration['provider'] {
  if (text === 'local' || text === 'simulated') return text
  const problem = text === '' ? 'no provider is named' : `there is no provider ${text}`
  throw new Failure('Invalid', problem, { field: '--provider', remedy: 'choose local or simulated' })
}

function wholeNumber(values: FlagValues, name: string): number {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= 0) return value
  throw new Failure('Invalid', `${String(values[name])} is not a whole number`, { field: `--${name}` })
}

function leaderElection(milliseconds: (name: string) => number): LeaderElection {
  const election = {
    leaseDurationSeconds: milliseconds('leader-elect-lease-duration') / 1000,
    renewDeadlineSeconds: milliseconds('leader-elect-renew-deadline') / 1000,
    retryPeriodSeconds: milliseconds('leader-elect-retry-period') / 1000,
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
