import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { parseState } from './state-file.ts'

/** Follows a state file while OpenTofu works at it. */
export interface StateWatch {
  /** Takes a last look, and resolves when every state that was seen has been handed over. Throws what handing over threw, and is harmless to repeat. */
  end(): Promise<void>
}

/** What a watch needs. */
export interface StateWatchOptions {
  readonly path: string
  /** The text that is there to begin with and need not be handed over. */
  readonly known: string | undefined
  /** Called with each new state, one after the other; of several that come while one is handed over, the last. */
  readonly onState: (text: string) => Promise<void>
  /** Called once, at once, when handing over failed: then it is not tried again. */
  readonly onFailure: (error: unknown) => void
}

/** Begins to follow. OpenTofu writes its state in place: what is only half there is passed over, since another change follows. */
export function watchState({ path, known, onState, onFailure }: StateWatchOptions): StateWatch {
  let last = known
  let failure: { readonly error: unknown } | undefined
  let work: Promise<void> = Promise.resolve()
  let waiting = false

  const look = async () => {
    waiting = false
    if (failure !== undefined) return
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined || text === last || parseState(text) === undefined) return
    try {
      await onState(text)
      last = text
    } catch (error) {
      failure = { error }
      onFailure(error)
    }
  }
  const queue = () => {
    if (waiting) return
    waiting = true
    work = work.then(look)
  }
  const watcher = watch(dirname(path), (_event, name) => {
    if (name === basename(path)) queue()
  })
  // A watcher that breaks misses states in between; the last look comes all the same.
  watcher.on('error', () => {})
  return {
    end: async () => {
      watcher.close()
      queue()
      await work
      if (failure !== undefined) throw failure.error
    },
  }
}
