import type { JoinStep } from '@trellis/api/join-report'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { aborted } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import { createAccessSource } from './access.ts'
import type { AccessSource, ApiClient } from './api-client.ts'
import { createBeacon, sendReport } from './beacon.ts'
import { awaitCloudInit } from './cloud-init.ts'
import { readConfiguration } from './configuration.ts'
import type { AgentContext } from './context.ts'
import { desiredFiles } from './desired-files.ts'
import type { Disk } from './disk.ts'
import type { HostFacts } from './host-facts.ts'
import { decideHostSettings } from './host-settings.ts'
import { createKeeper, type Keeper, type KeeperOptions } from './keeper/keeper.ts'
import { nodeNameOf } from './node-name.ts'
import { planSteps } from './plan.ts'
import { createReport, instant, type Report, stepSeconds } from './report.ts'
import { pendingSteps, runSteps } from './runner.ts'
import { createSystemd } from './systemd.ts'

/** Where the latest report lies on the machine. */
export const statusPath = '/run/trellis/node-agent/status.json'

/** What the agent needs from the process that it runs in. */
export interface AgentOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly disk: Disk
  readonly runner: CommandRunner
  readonly signal: AbortSignal
  readonly configurationPath: string
  readonly identityPath: string
  /** Looks at the machine; throws while its network is coming up. */
  readonly probeMachine: (now: number) => Promise<HostFacts>
  readonly probeUnit: KeeperOptions['probe']
  readonly connect: (source: AccessSource) => ApiClient
  /** Writes one line where whoever watches the machine's console sees it. */
  readonly console: (line: string) => void
}

/** Makes this machine a Ready node and keeps it one, until the signal aborts. Throws what only another configuration can mend. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { clock, console, signal } = options
  const startedAt = clock.now()
  const context = await createContext(options)
  const { configuration, facts, settings } = context
  const report = createReporting(options, context, startedAt)
  awaitCloudInit(options.disk, signal).then(report.setCloudInit, (error: unknown) => {
    if (!signal.aborted) options.log.warn({ problem: describe(error) }, "cloud-init's result is not known")
  })
  const keeper = createKeeper({ ...context, signal, probe: options.probeUnit, onRestart: report.countRestart })
  try {
    await join(options, context, { report, keeper, startedAt })
  } catch (error) {
    if (!signal.aborted) report.setState('failed')
    throw error
  }
  report.setState('ready')
  console(`node-agent: ${configuration.machineName} is ready ${seconds(clock.now() - facts.bootedAt)} after its start`)
  await keeper.guardFiles(desiredFiles(configuration, facts, settings))
  await aborted(signal)
}

async function createContext(options: AgentOptions): Promise<AgentContext> {
  const { clock, disk, log, random, runner, signal } = options
  const configuration = await readConfiguration(disk, options.configurationPath, options.identityPath)
  const probe = async () => {
    const found = await options.probeMachine(clock.now())
    // Nothing can be done before it is known what the node is called.
    nodeNameOf(configuration, found)
    return found
  }
  const facts = await retry(probe, {
    clock,
    random: random.child('probe'),
    backoff: { firstMilliseconds: 200, longestMilliseconds: 2_000 },
    deadlineMilliseconds: 300_000,
    signal,
    onRetry: (error) => log.warn({ problem: describe(error) }, 'cannot look at the machine yet'),
  })
  const settings = decideHostSettings(facts, configuration.features)
  log.info({ facts, settings }, 'looked at the machine')
  return {
    clock,
    random,
    log,
    disk,
    runner,
    configuration,
    facts,
    settings,
    systemd: createSystemd(runner),
    client: options.connect(createAccessSource(disk, configuration)),
    changedUnits: new Set(),
    background: (name, work) => {
      work(signal).catch((error: unknown) => log.error({ name, problem: describe(error) }, 'background work ended'))
    },
  }
}

/** A report that goes to the cluster and to the machine's own disk whenever it changes. */
function createReporting({ signal }: AgentOptions, context: AgentContext, startedAt: number): Report {
  const { clock, random, log, client, configuration, disk, facts } = context
  const beacon = createBeacon(clock, random.child('beacon'), {
    log,
    signal,
    send: (current) => sendReport(client, context, current),
  })
  const status = createBeacon(clock, random.child('status'), {
    log,
    signal,
    send: async (current) => {
      await disk.write(statusPath, `${JSON.stringify(current)}\n`, 0o644)
    },
  })
  const { machineName: machine, role } = configuration
  return createReport(clock, { machine, role, bootedAt: facts.bootedAt, startedAt }, (current) => {
    beacon.offer(current)
    status.offer(current)
  })
}

interface Watchers {
  readonly report: Report
  readonly keeper: Keeper
  readonly startedAt: number
}

/** Runs the steps of the machine's role. A unit is guarded from the moment on when it ought to answer. */
function join({ console, signal }: AgentOptions, context: AgentContext, watchers: Watchers): Promise<void> {
  const { clock, log, random } = context
  const { report, keeper } = watchers
  const steps = planSteps(context)
  const before = probeStep(watchers.startedAt, clock.now())
  report.setSteps([before, ...pendingSteps(steps)])
  return runSteps(steps, {
    clock,
    random: random.child('steps'),
    signal,
    onChange: (states, changed) => {
      report.setSteps([before, ...states])
      tell(log, console, changed)
      if (changed.state !== 'done') return
      if (changed.name === 'start-containerd') keeper.guardUnit('containerd')
      if (changed.name === 'register-node') keeper.guardUnit('kubelet')
    },
  })
}

function probeStep(startedAt: number, finishedAt: number): JoinStep {
  return {
    name: 'probe-machine',
    state: 'done',
    startedAt: instant(startedAt),
    finishedAt: instant(finishedAt),
    tries: 1,
  }
}

function tell(log: Log, console: (line: string) => void, { name, state, tries, error, ...step }: JoinStep): void {
  const duration = stepSeconds({ name, state, tries, ...step })
  if (state === 'done') {
    log.info({ step: name, seconds: duration, tries }, 'step done')
    console(`node-agent: ${name} done in ${duration?.toFixed(1)} s`)
  } else if (state === 'failed') {
    log.warn({ step: name, tries, error }, 'step failed')
    console(`node-agent: ${name} failed (try ${tries}): ${error?.split('\n')[0]}`)
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
