import { Failure } from '@trellis/foundation/failure'

/** A flag: its kind, its value unless told, and what it does. */
export interface Flag {
  readonly kind: 'text' | 'number' | 'flag' | 'duration'
  readonly fallback: string | number | boolean
  readonly help: string
}

/** Flags by name. */
export type FlagTable = Readonly<Record<string, Flag>>

/** Values by name of flag. */
export type FlagValues = Readonly<Record<string, string | number | boolean>>

/** Says of a flag that it is accepted, so that command lines made for the reference go on working, and without effect. */
const accepted = 'Accepted for compatibility; without effect.'

function text(fallback: string, help: string): Flag {
  return { kind: 'text', fallback, help }
}

function number(fallback: number, help: string): Flag {
  return { kind: 'number', fallback, help }
}

function duration(fallback: string, help: string): Flag {
  return { kind: 'duration', fallback, help }
}

function flag(fallback: boolean, help: string): Flag {
  return { kind: 'flag', fallback, help }
}

const ours: FlagTable = {
  provider: text('', 'Cloud, by the name that machine classes have for it, as in AWS or local.'),
  'cloud-endpoints': text(
    '',
    'Addresses in place of the cloud’s own, for clouds that speak its language: service=address, comma-separated.',
  ),
  'bootstrap-token-key': text('', 'File whose bytes the bootstrap tokens of machines are derived from.'),
  controllers: text(
    '*',
    'Controllers to run: names, * for all, -name for all but one; comma-separated. Several processes may share them.',
  ),
  'simulated-cloud': text('', 'JSON file that says how the simulated cloud behaves.'),
}

const clustersAndProcess: FlagTable = {
  'control-kubeconfig': text(
    '',
    'Kubeconfig of the cluster that holds machines; inClusterConfig for the pod’s own; the target’s unless told.',
  ),
  'target-kubeconfig': text(
    '',
    'Kubeconfig of the cluster that machines join; none when there is none; the control cluster’s unless told.',
  ),
  namespace: text('default', 'Namespace of the machines.'),
  port: text(
    '',
    'Port of /healthz, /readyz, /metrics and /status; 10258 unless told, 10259 without machine sets and deployments.',
  ),
  address: text('0.0.0.0', 'Address to listen on.'),
  'concurrent-syncs': number(50, 'Machines worked on at the same time.'),
  'leader-elect': flag(true, 'Works only while it holds its Lease.'),
  'leader-elect-lease-duration': duration('15s', 'How long others wait after the last renewal.'),
  'leader-elect-renew-deadline': duration('10s', 'How long to work on without having renewed.'),
  'leader-elect-retry-period': duration('2s', 'Pause between tries.'),
  'leader-elect-resource-lock': text('leases', 'What is locked; leases is all there is.'),
  'leader-elect-resource-name': text(
    '',
    'Name of the Lease; unless told machine-controller-manager, machine-controller without machine sets and deployments, and with one of them machine-controller-manager-NAME.',
  ),
  'leader-elect-resource-namespace': text('', 'Namespace of the Lease; that of the machines unless told.'),
  'cloud-provider': text('', 'Another name of --provider.'),
  'min-resync-period': duration('12h', 'Every object is looked at again after one to two such periods; 0 for never.'),
  profiling: flag(false, 'Serves CPU and heap profiles below /debug/pprof/.'),
  'contention-profiling': flag(false, accepted),
  'kube-api-content-type': text('', accepted),
  'kube-api-qps': number(
    0,
    'Requests a second to each API server, watches and the Lease apart; 0 leaves it to the server’s own priority and fairness.',
  ),
  'kube-api-burst': number(0, 'Requests that may go out at once after a rest; 1.5 times --kube-api-qps unless told.'),
  'controller-start-interval': duration('0s', 'Pause between the starts of two controllers.'),
}

const machineBehaviour: FlagTable = {
  'machine-creation-timeout': duration('20m', 'How long a machine may take to join before it is replaced.'),
  'machine-health-timeout': duration('10m', 'How long a machine may be unhealthy before it is replaced.'),
  'machine-drain-timeout': duration('2h', 'How long draining may take before it is forced.'),
  'machine-max-evict-retries': number(360, 'Evictions are tried this many times 20 s before pods are deleted.'),
  'machine-pv-detach-timeout': duration('2m', 'How long volumes of drained pods may take to be detached.'),
  'machine-pv-reattach-timeout': duration(
    '90s',
    'How long volumes may take to be attached elsewhere before the next pods are drained.',
  ),
  'machine-preserve-timeout': duration('96h', 'How long a machine is preserved.'),
  'machine-inplace-update-timeout': duration('20m', 'How long an update in place may take before it counts as failed.'),
  'machine-safety-orphan-vms-period': duration('15m', 'Pause between two searches for servers without a machine.'),
  'machine-safety-apiserver-statuscheck-timeout': duration(
    '30s',
    'How long an API server may not answer before machines are neither made nor judged.',
  ),
  'machine-safety-apiserver-statuscheck-period': duration(
    '1m',
    'How long nothing may be heard of an API server before it is asked; not shorter than the timeout.',
  ),
  'machine-safety-overshooting-period': duration('1m', 'How often machine sets are counted beside every change.'),
  'safety-up': number(2, 'Machines beyond replicas and surge from which on a machine set is frozen.'),
  'safety-down': number(1, 'Machines below that number from which on it is let go again.'),
  'autoscaler-scaledown-annotation-during-rollout': flag(
    true,
    'Asks cluster-autoscaler to leave the nodes of a deployment alone while it is rolled.',
  ),
  'node-conditions': text(
    'KernelDeadlock,ReadonlyFilesystem,DiskPressure,NetworkUnavailable',
    'Conditions of nodes that must be False for a machine to be healthy.',
  ),
  'bootstrap-token-auth-extra-groups': text('', 'Groups of bootstrap tokens, comma-separated.'),
  'resource-exhausted-retry': duration('10m', 'Longest pause between tries while quota or stock is used up.'),
}

const logging: FlagTable = {
  v: number(0, 'Verbosity; from 4 on, debug lines are written.'),
  vmodule: text('', accepted),
  logtostderr: flag(true, accepted),
  alsologtostderr: flag(false, accepted),
  stderrthreshold: text('2', accepted),
  'log-dir': text('', accepted),
  'log-file': text('', accepted),
  'log-file-max-size': number(1800, accepted),
  'log-flush-frequency': duration('5s', accepted),
  'log-backtrace-at': text('', accepted),
  'add-dir-header': flag(false, accepted),
  'one-output': flag(false, accepted),
  'skip-headers': flag(false, accepted),
  'skip-log-headers': flag(false, accepted),
}

/** Every flag of the process: the reference's two sets in one, and ours. */
export const flagTable: FlagTable = { ...clustersAndProcess, ...machineBehaviour, ...logging, ...ours }

/** Reads arguments as Go programs do: `--name=value`, `--name value`, one dash or two, underscores for dashes, bare names for true. Throws `Invalid` that names the flag. */
export function parseFlags(table: FlagTable, args: readonly string[]): FlagValues {
  const values: Record<string, string | number | boolean> = Object.fromEntries(
    Object.entries(table).map(([name, { fallback }]) => [name, fallback]),
  )
  for (let index = 0; index < args.length; index++) {
    const { name, given } = split(args[index] ?? '')
    const known = table[name]
    if (known === undefined) throw unknownFlag(name)
    if (given === undefined && known.kind === 'flag') {
      values[name] = true
      continue
    }
    const raw = given ?? args[++index]
    if (raw === undefined) throw new Failure('Invalid', 'the flag needs a value', { field: `--${name}` })
    values[name] = readValue(known, name, raw)
  }
  return values
}

function split(argument: string): { readonly name: string; readonly given: string | undefined } {
  const match = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(argument)
  if (match?.[1] === undefined) {
    throw new Failure('Invalid', `${argument} is not a flag`, { remedy: 'write flags as --name=value' })
  }
  return { name: match[1].replaceAll('_', '-'), given: match[2] }
}

function readValue({ kind }: Flag, name: string, raw: string): string | number | boolean {
  const field = `--${name}`
  if (kind === 'number') {
    if (raw.trim() !== '' && Number.isFinite(Number(raw))) return Number(raw)
    throw new Failure('Invalid', `${raw} is not a number`, { field })
  }
  if (kind === 'flag') {
    if (/^(true|t|1)$/i.test(raw)) return true
    if (/^(false|f|0)$/i.test(raw)) return false
    throw new Failure('Invalid', `${raw} is neither true nor false`, { field })
  }
  return raw
}

function unknownFlag(name: string): Failure {
  return new Failure('Invalid', `there is no flag --${name}`, { field: `--${name}`, remedy: 'see --help' })
}

/** What `--help` prints. */
export function flagHelp(table: FlagTable): string {
  const lines = Object.entries(table)
    .filter(([, { help }]) => help !== accepted)
    .map(([name, { fallback, help }]) => `  --${name}=${JSON.stringify(fallback)}\n      ${help}`)
  const silent = Object.entries(table)
    .filter(([, { help }]) => help === accepted)
    .map(([name]) => `--${name}`)
  return `${lines.join('\n')}\n\nAccepted for compatibility, without effect: ${silent.join(', ')}\n`
}
