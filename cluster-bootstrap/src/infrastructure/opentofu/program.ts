import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { runChild } from './child-process.ts'
import { failureOf } from './diagnostics.ts'
import { type Diagnostic, type Message, parseMessage, parseWhole } from './messages.ts'
import { type Plan, parsePlan } from './plan.ts'
import type { Workspace } from './workspace.ts'

/** What the program is and how it is called off. */
export interface OpenTofuOptions {
  readonly clock: Clock
  /** Path of `tofu`. */
  readonly program: string
  /** How long a run that is called off may take to write its state and end. */
  readonly graceMilliseconds: number
  /** How long the requests of a program that was killed or called off may still be on their way at the cloud. */
  readonly settleMilliseconds: number
  /** Resources that are worked at a time. */
  readonly parallelism: number
}

/** One use of a workspace. */
export interface OpenTofuJob {
  readonly workspace: Workspace
  /** Variables that tell the provider how to reach the cloud: all of its credentials. */
  readonly environment: Readonly<Record<string, string>>
  /** Texts that no message may hold. */
  readonly secrets: readonly string[]
  readonly signal: AbortSignal
}

/** What a plan is for. */
export interface PlanOptions {
  /** All is to go. */
  readonly destroy?: boolean
  /** Only these resources and what they need; all unless told. */
  readonly targets?: readonly string[]
}

/** The `tofu` program. Every call throws the gravest failure that the run reported, and the signal's reason when it was called off: only after the program has ended. */
export interface OpenTofu {
  /** Puts the providers in place, from the workspace's mirror alone. */
  init(job: OpenTofuJob): Promise<void>
  /** Compares what is wanted with what is there, and keeps the plan in the workspace. Changes nothing at the cloud. */
  plan(job: OpenTofuJob, options?: PlanOptions): Promise<{ readonly plan: Plan; readonly empty: boolean }>
  /** Carries out the plan that was kept, and no other. Resolves with the module's outputs; `onMessage` hears of each step before the next line is read. */
  apply(job: OpenTofuJob, onMessage: (message: Message) => void): Promise<Readonly<Record<string, unknown>>>
}

const planFile = 'plan'

/** Exit code by which `plan -detailed-exitcode` says that there is something to do. */
const somethingToDo = 2

/** Makes the port to the `tofu` program. Nothing of this process's environment reaches it, and no credential is in its arguments or files. */
export function createOpenTofu(options: OpenTofuOptions): OpenTofu {
  const parallelism = `-parallelism=${options.parallelism}`
  return {
    init: async (job) => {
      await run(options, job, { args: ['init', '-json', '-input=false'], what: 'OpenTofu could not be set up' })
    },
    plan: async (job, { destroy = false, targets = [] } = {}) => {
      const args = [
        ...['plan', '-json', '-input=false', '-detailed-exitcode', `-out=${planFile}`, parallelism],
        ...(destroy ? ['-destroy'] : []),
        ...targets.map((target) => `-target=${target}`),
      ]
      const accepted = [0, somethingToDo]
      const { code } = await run(options, job, { args, accepted, what: 'the infrastructure could not be planned' })
      const show = { args: ['show', '-json', planFile], what: 'the plan could not be read', raw: true }
      const shown = await run(options, job, show)
      return { plan: parsePlan(parseWhole(shown.lines.join('\n'), 'the plan')), empty: code === 0 }
    },
    apply: async (job, onMessage) => {
      let outputs: Readonly<Record<string, unknown>> = {}
      await run(options, job, {
        args: ['apply', '-json', '-input=false', parallelism, planFile],
        what: 'the infrastructure could not be changed',
        changes: true,
        onMessage: (message) => {
          if (message.type === 'outputs') outputs = message.outputs
          onMessage(message)
        },
      })
      return outputs
    },
  }
}

interface Call {
  readonly args: readonly string[]
  /** Begins the failure's message. */
  readonly what: string
  /** Exit codes that are no failure; 0 unless told. */
  readonly accepted?: readonly number[]
  /** Its output is no stream of messages. */
  readonly raw?: boolean
  /** It asks the cloud for changes. */
  readonly changes?: boolean
  readonly onMessage?: (message: Message) => void
}

async function run(options: OpenTofuOptions, job: OpenTofuJob, call: Call) {
  const { workspace, signal } = job
  signal.throwIfAborted()
  const diagnostics: Diagnostic[] = []
  const lines: string[] = []
  const { code, errors } = await runChild({
    ...options,
    args: call.args,
    directory: workspace.directory,
    environment: { ...workspace.environment, ...job.environment },
    signal,
    onLine: (line) => {
      if (call.raw === true) lines.push(line)
      const message = parseMessage(line)
      if (message.type === 'diagnostic') diagnostics.push(conceal(message.diagnostic, job.secrets))
      call.onMessage?.(message)
    },
  })
  const accepted = code !== undefined && (call.accepted ?? [0]).includes(code)
  if (accepted) return { code, lines }
  // What the program had asked for when it was killed or called off may yet come into being: whoever looks next must see it, or would ask for it again.
  if (call.changes === true && (code === undefined || signal.aborted)) {
    await options.clock.sleep(options.settleMilliseconds)
  }
  signal.throwIfAborted()
  if (code === undefined) throw new Failure('Unavailable', `${call.what}: the program was killed`)
  if (diagnostics.some((one) => one.severity === 'error')) throw failureOf(call.what, diagnostics)
  throw failureOf(call.what, [conceal({ severity: 'error', summary: errors }, job.secrets)])
}

/** A cloud may quote what it was sent. */
function conceal(diagnostic: Diagnostic, secrets: readonly string[]): Diagnostic {
  const clean = (text: string) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
  const { detail } = diagnostic
  return {
    ...diagnostic,
    summary: clean(diagnostic.summary),
    ...(detail === undefined ? {} : { detail: clean(detail) }),
  }
}
