import type { JoinStep } from '@trellis/api/join-report'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { aborted } from '@trellis/foundation/lifetime'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { retry } from '@trellis/foundation/retry'
import { createAccessSource } from './access.ts'
import { createApiClient } from './api-client.ts'
import { createBeacon, sendReport } from './beacon.ts'
import { readConfiguration } from './configuration.ts'
import type { AgentContext } from './context.ts'
import { desiredFiles } from './desired-files.ts'
import type { Disk } from './disk.ts'
import { type HostFacts, probeHostFacts } from './host-facts.ts'
import { decideHostSettings } from './host-settings.ts'
import { createKeeper } from './keeper/keeper.ts'
import { probeUnit } from './keeper/probes.ts'
import { planSteps } from './plan.ts'
import { createReport, instant, stepSeconds } from './report.ts'
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
  /** Writes one line where whoever watches the machine's console sees it. */
  readonly console: (line: string) => void
}

/** Makes this machine a Ready node and keeps it one, until the signal aborts. Throws what only another configuration can mend. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { clock, random, disk, log, signal } = options
  const startedAt = clock.now()
  const configuration = await readConfiguration(disk, options.configurationPath, options.identityPath)
  const facts = await probe(options)
  const settings = decideHostSettings(facts, configuration.features)
  const client = createApiClient(createAccessSource(disk, configuration))
  const systemd = createSystemd(options.runner)
  const context: AgentContext = {
    ...options,
    configuration,
    facts,
    settings,
    systemd,
    client,
    changedUnits: new Set(),
    background: (name, work) => {
      work(signal).catch((error: unknown) => log.error({ name, error }, 'background work ended'))
    },
  }
  log.info({ facts, settings }, 'looked at the machine')
  const beacon = createBeacon(clock, random.child('beacon'), {
    log,
    signal,
    send: (report) => sendReport(client, configuration, report),
  })
  const status = createBeacon(clock, random.child('status'), {
    log,
    signal,
    send: async (current) => {
      await disk.write(statusPath, `${JSON.stringify(current)}\n`, 0o644)
    },
  })
  const report = createReport(
    clock,
    { machine: configuration.machineName, role: configuration.role, bootedAt: facts.bootedAt, startedAt },
    (current) => {
      beacon.offer(current)
      status.offer(current)
    },
  )
  const keeper = createKeeper({ clock, log, disk, systemd, signal, probe: probeUnit, onRestart: report.countRestart })
  const steps = planSteps(context)
  const before = probeStep(startedAt, clock.now())
  report.setSteps([before, ...pendingSteps(steps)])
  try {
    await runSteps(steps, {
      clock,
      random: random.child('steps'),
      signal,
      onChange: (states, changed) => {
        report.setSteps([before, ...states])
        tell(options, changed)
        if (changed.name === 'start-containerd' && changed.state === 'done') keeper.guardUnit('containerd')
        if (changed.name === 'register-node' && changed.state === 'done') keeper.guardUnit('kubelet')
      },
    })
  } catch (error) {
    if (!signal.aborted) report.setState('failed')
    throw error
  }
  report.setState('ready')
  options.console(
    `node-agent: ${configuration.machineName} is ready ${seconds(clock.now() - facts.bootedAt)} after its start`,
  )
  await keeper.guardFiles(desiredFiles(configuration, facts, settings))
  await aborted(signal)
}

/** Looks at the machine, again and again while its network is coming up. */
function probe({ clock, random, signal, log }: AgentOptions): Promise<HostFacts> {
  return retry(() => probeHostFacts(clock.now()), {
    clock,
    random: random.child('probe'),
    backoff: { firstMilliseconds: 200, longestMilliseconds: 2_000 },
    deadlineMilliseconds: 300_000,
    signal,
    onRetry: (error) => log.warn({ error: describe(error) }, 'cannot look at the machine yet'),
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

function tell({ console, log }: AgentOptions, step: JoinStep): void {
  const { name, state, tries, error } = step
  if (state === 'done') {
    log.info({ step: name, seconds: stepSeconds(step), tries }, 'step done')
    console(`node-agent: ${name} done in ${stepSeconds(step)?.toFixed(1)} s`)
  } else if (state === 'failed') {
    log.warn({ step: name, tries, error }, 'step failed')
    console(`node-agent: ${name} failed (try ${tries}): ${error?.split('\n')[0]}`)
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
