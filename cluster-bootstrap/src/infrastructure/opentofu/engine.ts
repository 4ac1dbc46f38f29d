import type { ObjectKey } from '@trellis/api/meta'
import type { Clock } from '@trellis/foundation/clock'
import type { Gate } from '@trellis/foundation/gate'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest } from '../engine.ts'
import { applyPlan } from './apply-plan.ts'
import type { Existing, OpenTofuCloud } from './cloud.ts'
import { findImports, findLeft, type Left } from './existing.ts'
import { plannedChanges, plannedOutputs, summaryOf } from './plan.ts'
import type { OpenTofu, OpenTofuJob } from './program.ts'
import { identifiersOf, parseState } from './state-file.ts'
import { withStateLock } from './state-lock.ts'
import { createStateStore, type StateStore, type StoredState } from './state-store.ts'
import { createWorkspace, type Workspace } from './workspace.ts'

/** What the engine is made of. */
export interface OpenTofuInfrastructureOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** API server that keeps states: the seed's. */
  readonly client: Client
  readonly tofu: OpenTofu
  readonly cloud: OpenTofuCloud
  /** Directory with a folder for each module. */
  readonly modulesDirectory: string
  /** Filesystem mirror of the providers. */
  readonly providersDirectory: string
  /** A file system in memory, as in `/dev/shm`, for what lives as long as a run. */
  readonly memoryDirectory: string
  /** Limits runs at a time: each takes some 200 MiB. */
  readonly gate: Gate
  /** Namespace of the state of a shoot; unless told, its control namespace, which has its technical id for a name. */
  readonly namespaceOf?: (technicalId: string) => string
  /** How long to wait for another run on the same state; two minutes unless told. */
  readonly lockPatienceMilliseconds?: number
}

/** Names of the Secret that holds the state and of the Lease that guards it. */
export const stateName = 'infrastructure-opentofu'

const defaultLockPatienceMilliseconds = 120_000

/**
 * Infrastructure by OpenTofu on an HCL module. The state is kept in a Secret, each resource is noted in the request's state as soon as it is made, and what exists but
 * is in neither is looked up by name: whichever moment a run was killed at, the next one takes over what it made.
 */
export function createOpenTofuInfrastructure(options: OpenTofuInfrastructureOptions): InfrastructureEngine {
  return {
    apply: async (request) => {
      const run = runOf(options, request)
      const variables = options.cloud.variables(request)
      return locked(run, (held) => apply(held, variables))
    },
    plan: async (request) => {
      const run = runOf(options, request)
      const variables = options.cloud.variables(request)
      return options.gate(() => plan(run, variables))
    },
    destroy: async (request) => {
      const run = runOf(options, request)
      // Looked at without the lock, so that nothing is made, not even a Lease, where nothing ever was.
      const stored = await run.store.load()
      const variables = stored?.variables ?? (await findLeft(run, stored))?.variables
      if (variables === undefined) return
      // It may take minutes: nobody's turn is held up for it.
      await options.cloud.removeLeftovers?.(request, variables)
      await locked(run, destroy)
    },
  }
}

/** One run at one state. */
interface Run extends OpenTofuInfrastructureOptions {
  readonly request: InfrastructureRequest
  /** Where the state is. */
  readonly key: Required<ObjectKey>
  readonly store: StateStore
  /** Aborts with the request's signal and when the lock is lost. */
  readonly signal: AbortSignal
}

function runOf(options: OpenTofuInfrastructureOptions, request: InfrastructureRequest): Run {
  const { technicalId, signal } = request
  const key = { namespace: options.namespaceOf?.(technicalId) ?? technicalId, name: stateName }
  return { ...options, request, key, signal, store: createStateStore(options.client, key) }
}

/** The gate comes first: whoever waits for its turn holds no lock. */
function locked<Value>(run: Run, work: (run: Run) => Promise<Value>): Promise<Value> {
  const { gate, random, lockPatienceMilliseconds: patienceMilliseconds = defaultLockPatienceMilliseconds } = run
  const identity = `opentofu_${random.text(8)}`
  return gate(() => withStateLock({ ...run, identity, patienceMilliseconds }, (signal) => work({ ...run, signal })))
}

type Variables = Readonly<Record<string, unknown>>

async function apply(run: Run, variables: Variables): Promise<InfrastructureOutputs> {
  const { request, cloud, tofu, store } = run
  const stored = await store.load()
  const imports = await findImports(run, stored, variables)
  await using workspace = await open(run, variables, { stored, imports })
  const job = jobOf(run, workspace)
  await tofu.init(job)
  const { plan, empty } = await tofu.plan(job)
  announce(run, summaryOf(plannedChanges(plan)))
  if (empty) {
    await noteIdentifiers(request, stored?.state)
    return cloud.outputs(plannedOutputs(plan))
  }
  const { outputs, state } = await applyPlan({ ...run, job, variables, stored })
  await noteIdentifiers(request, state)
  return cloud.outputs(outputs)
}

async function plan(run: Run, variables: Variables) {
  const stored = await run.store.load()
  const imports = await findImports(run, stored, variables)
  await using workspace = await open(run, variables, { stored, imports })
  const job = jobOf(run, workspace)
  await run.tofu.init(job)
  return plannedChanges((await run.tofu.plan(job)).plan)
}

/** What is destroyed is what the state knows: its own variables say how to reach it, whatever the configuration has become meanwhile. */
async function destroy(run: Run): Promise<void> {
  const { request, store } = run
  const stored = await store.load()
  const left = await findLeft(run, stored)
  if (left !== undefined) await destroyLeft(run, left, stored)
  await store.remove()
  await request.save({})
}

async function destroyLeft(run: Run, left: Left, stored: StoredState | undefined): Promise<void> {
  const { tofu } = run
  await using workspace = await open(run, left.variables, { stored, imports: left.imports })
  const job = jobOf(run, workspace)
  await tofu.init(job)
  const state = await takeOver(run, job, left, stored)
  const { plan, empty } = await tofu.plan(job, { destroy: true })
  announce(run, summaryOf(plannedChanges(plan)))
  if (!empty) await applyPlan({ ...run, job, variables: left.variables, stored: state })
}

/** Takes over what the state lacks, since a plan of destruction does not. Resolves with the state afterwards. */
async function takeOver(run: Run, job: OpenTofuJob, { imports, variables }: Left, stored: StoredState | undefined) {
  const targets = Object.keys(imports)
  if (targets.length === 0) return stored
  announce(run, `take over ${targets.join(', ')}`)
  await run.tofu.plan(job, { targets })
  const { state } = await applyPlan({ ...run, job, variables, stored })
  return state === undefined ? stored : { state, variables }
}

function open(
  run: Run,
  variables: Variables,
  { stored, imports }: { readonly stored: StoredState | undefined; readonly imports: Existing },
): Promise<Workspace> {
  return createWorkspace({
    parentDirectory: run.memoryDirectory,
    moduleDirectory: `${run.modulesDirectory}/${run.cloud.module}`,
    providersDirectory: run.providersDirectory,
    variables,
    state: stored?.state,
    imports,
  })
}

function jobOf({ cloud, request, signal }: Run, workspace: Workspace): OpenTofuJob {
  const environment = cloud.environment(request)
  const secrets = cloud.secretEnvironment.flatMap((name) => environment[name] ?? [])
  return { workspace, environment, secrets, signal }
}

async function noteIdentifiers(request: InfrastructureRequest, state: string | undefined): Promise<void> {
  await request.save(identifiersOf(parseState(state ?? '')))
}

function announce({ request, log }: Run, summary: string): void {
  log.info({ shoot: request.technicalId, plan: summary }, 'has planned the infrastructure')
  request.note(summary)
}
