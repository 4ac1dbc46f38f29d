import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { describe, InvariantError } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import type { Log } from '@trellis/foundation/log'
import { type Cache, keyOf } from './cache.ts'
import type { Entry, ProgressListener, ProgressState, Recipe } from './part.ts'

/** What the builder works with. */
export interface BuilderOptions {
  readonly clock: Clock
  readonly log: Log
  readonly runner: CommandRunner
  readonly cache: Cache
  readonly recipes: readonly Recipe[]
}

/** Brings parts and what they need into the cache. */
export interface Builder {
  /** The entries of the named parts and of everything they need. Fails with the first failure, after stopping what still runs. */
  ensure(
    parts: readonly string[],
    onProgress: ProgressListener,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Entry>>
}

/** How long another process may hold a part before the user is told. */
const patienceMilliseconds = 1000

/** How many light parts are made side by side, and how many heavy ones. */
const lightAtOnce = 3
const heavyAtOnce = 1

/** A builder of the given recipes, which must form a graph without cycles. */
export function createBuilder(options: BuilderOptions): Builder {
  const recipes = new Map(options.recipes.map((recipe) => [recipe.part, recipe]))
  return {
    ensure: async (parts, onProgress, signal) => {
      const stop = new AbortController()
      const ends = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
      const running = new Map<string, Promise<Entry>>()
      const gates = { light: createGate(lightAtOnce), heavy: createGate(heavyAtOnce) }
      const ensurePart = (part: string): Promise<Entry> => {
        const begun = running.get(part)
        if (begun !== undefined) return begun
        const recipe = recipes.get(part)
        if (recipe === undefined) throw new InvariantError(`no recipe makes the part ${part}`)
        const work = ensureOne(recipe)
        running.set(part, work)
        return work
      }
      const ensureOne = async (recipe: Recipe): Promise<Entry> => {
        const needed = new Map<string, Entry>()
        await Promise.all(recipe.needs.map(async (name) => needed.set(name, await ensurePart(name))))
        ends.throwIfAborted()
        return makeUnlessPresent(recipe, needed, gates[recipe.heavy ? 'heavy' : 'light'], onProgress, ends)
      }
      try {
        await Promise.all(parts.map(ensurePart))
      } catch (error) {
        stop.abort(error)
        await Promise.allSettled(running.values())
        throw error
      }
      return new Map(await Promise.all([...running].map(async ([part, work]) => [part, await work] as const)))
    },
  }

  async function makeUnlessPresent(
    recipe: Recipe,
    needed: ReadonlyMap<string, Entry>,
    gate: ReturnType<typeof createGate>,
    onProgress: ProgressListener,
    signal: AbortSignal,
  ): Promise<Entry> {
    let began = options.clock.now()
    const report = (state: ProgressState, detail: string) => {
      if (recipe.silent === true && state !== 'failed') return
      onProgress({ part: recipe.part, state, detail, seconds: (options.clock.now() - began) / 1000 })
    }
    const part = (name: string): Entry => {
      const entry = needed.get(name)
      if (entry === undefined)
        throw new InvariantError(`the recipe of ${recipe.part} does not say that it needs ${name}`)
      return entry
    }
    try {
      const inputs = [...(await recipe.inputs(part)), ...recipe.needs.map((name) => part(name).digest)]
      const key = keyOf(recipe.part, inputs)
      const found = await options.cache.find(recipe.part, key)
      if (found !== undefined) {
        report('present', '')
        return found
      }
      const entry = await gate(() => {
        began = options.clock.now()
        return make(recipe, key, part, report, signal)
      })
      report('done', entry.source)
      return entry
    } catch (error) {
      if (!signal.aborted) report('failed', describe(error))
      throw error
    }
  }

  async function make(
    recipe: Recipe,
    key: string,
    part: (name: string) => Entry,
    report: (state: ProgressState, detail: string) => void,
    signal: AbortSignal,
  ): Promise<Entry> {
    signal.throwIfAborted()
    const waiting = options.clock.setTimer(patienceMilliseconds, () => report('waiting', 'another process makes it'))
    const workshop = { runner: options.runner, log: options.log.child({ part: recipe.part }), signal, part, report }
    try {
      return await options.cache.obtain(
        recipe.part,
        key,
        async (directory, scratch) => {
          waiting.cancel()
          return recipe.make({ ...workshop, directory, scratch })
        },
        signal,
      )
    } finally {
      waiting.cancel()
    }
  }
}
