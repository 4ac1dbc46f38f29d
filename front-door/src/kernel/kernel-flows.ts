import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { type Family, familyOf } from 'node-wireguard/address'
import type { Target } from '../destinations/destinations.ts'
import type { Source, SourceKey } from '../udp/source.ts'
import { sourceKeyOf } from '../udp/source.ts'
import { type FlowElement, readBackendElements, readFlowElements } from './elements.ts'
import { emptyState, type KernelState, lastZone, planFlows, stateText } from './plan.ts'
import { type RulesetOptions, rulesetText, tableName } from './ruleset.ts'

/** Flows that the kernel forwards by itself. Disposing of it leaves them there. */
export interface KernelFlows extends AsyncDisposable {
  /** What it forwarded already when this program started. */
  readonly found: readonly { readonly source: Source; readonly target: Target }[]
  /** Whether it can forward from this source to this target: both are of one family, and the host forwards that family. */
  canCarry(source: Source, target: Target): boolean
  /** Has it forward, from the source to this target and no other any more. Returns at once; until it is done packets of the source still reach the program. */
  set(source: Source, target: Target): void
  remove(source: Source): void
  /** Whether it forwards packets of this source now. */
  holds(key: SourceKey): boolean
  size(): number
  /** What it has forwarded from each source. Throws `Unavailable` when it cannot be asked. */
  read(): Promise<ReadonlyMap<SourceKey, FlowElement>>
  /** Why the last change was not taken; undefined when it was. */
  problem(): string | undefined
  /** Resolves when nothing is left to do or the doing has failed. */
  settled(): Promise<void>
}

/** What it takes. */
export interface KernelOptions extends RulesetOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
  /** Families that this host forwards. */
  readonly families: readonly Family[]
}

const pauseAfterFailureMilliseconds = 1000

/**
 * Loads the rules, with all the flows that a former run of this program has left in this network namespace, in one transaction: tunnels that the kernel carries do not notice.
 * Throws `Unavailable` or `NotFound` when there is no nft or it may not.
 */
export async function openKernelFlows(options: KernelOptions): Promise<KernelFlows> {
  const { clock, log, runner, families, random } = options
  let actual = await readState(runner).catch((error: unknown) => {
    log.debug({ problem: describe(error) }, 'there are no flows of a former run')
    return emptyState
  })
  await feed(runner, rulesetText(options) + stateText(actual))
  const wanted = new Map(
    [...actual.flows].flatMap(([key, { source, zone }]) => {
      const target = actual.zones.get(zone)
      return target === undefined ? [] : [[key, { source, target }] as const]
    }),
  )
  const found = [...wanted.values()]
  // A run before this one may have used numbers that it does not show any more.
  let lastUsed = random.integer(lastZone) + 1
  let problem: string | undefined
  let working: Promise<void> | undefined
  const life = new AbortController()

  async function work(): Promise<void> {
    while (!life.signal.aborted) {
      const plan = planFlows(actual, wanted, lastUsed)
      if (plan.text === '') return
      try {
        await feed(runner, plan.text)
        actual = plan.state
        lastUsed = plan.lastUsed
        problem = undefined
      } catch (error) {
        problem = describe(error)
        log.warn({ problem }, 'the kernel does not take a change of flows')
        await clock.sleep(pauseAfterFailureMilliseconds, life.signal).catch(() => {})
        // Somebody else may have changed the maps: what is there is read again rather than believed.
        actual = await readState(runner).catch(() => actual)
      }
    }
  }

  /** One change at a time: what comes meanwhile goes with the next. */
  function change(): void {
    working ??= work().finally(() => {
      working = undefined
      if (!life.signal.aborted && planFlows(actual, wanted, lastUsed).text !== '') change()
    })
  }

  return {
    found,
    canCarry: (source, target) => {
      const family = familyOf(source.address)
      return family === familyOf(target.address) && families.includes(family)
    },
    set: (source, target) => {
      wanted.set(sourceKeyOf(source), { source, target })
      change()
    },
    remove: (source) => {
      if (wanted.delete(sourceKeyOf(source))) change()
    },
    holds: (key) => actual.flows.has(key),
    size: () => actual.flows.size,
    read: () => readFlows(runner),
    problem: () => problem,
    settled: async () => {
      while (working !== undefined && problem === undefined) await working
    },
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await working
    },
  }
}

async function feed(runner: CommandRunner, text: string): Promise<void> {
  await runOrThrow(runner, 'nft', ['-f', '-'], { input: text })
}

async function readFlows(runner: CommandRunner): Promise<ReadonlyMap<SourceKey, FlowElement>> {
  const four = readFlowElements(await list(runner, 'flows4'))
  const six = readFlowElements(await list(runner, 'flows6'))
  return new Map([...four, ...six])
}

/** What the maps hold now. Throws when there are none. */
export async function readState(runner: CommandRunner): Promise<KernelState> {
  const four = readBackendElements(await list(runner, 'backends4'))
  const six = readBackendElements(await list(runner, 'backends6'))
  return { flows: await readFlows(runner), zones: new Map([...four, ...six]) }
}

function list(runner: CommandRunner, map: string): Promise<string> {
  return runOrThrow(runner, 'nft', ['-j', 'list', 'map', 'inet', tableName, map])
}
