import { childSignal } from '@trellis/foundation/lifetime'
import type { InfrastructureRequest, InfrastructureState } from '../engine.ts'
import type { Message } from './messages.ts'
import type { OpenTofu, OpenTofuJob } from './program.ts'
import { identifiersOf, parseState } from './state-file.ts'
import type { StateStore, StoredState } from './state-store.ts'
import { watchState } from './state-watch.ts'

/** What carrying out a plan works with. */
export interface ApplyOptions {
  readonly tofu: OpenTofu
  readonly job: OpenTofuJob
  readonly request: InfrastructureRequest
  readonly store: StateStore
  readonly variables: Readonly<Record<string, unknown>>
  /** The state that the plan was made on. */
  readonly stored: StoredState | undefined
}

/**
 * Carries out the plan of a job's workspace. Each resource is noted in the request's state when it is made, each state that OpenTofu writes goes into the store, and
 * the run does not count as ended, well or badly, before the last one has. A note or a state that cannot be kept calls the run off and is what it fails with.
 */
export async function applyPlan(options: ApplyOptions): Promise<{
  readonly outputs: Readonly<Record<string, unknown>>
  readonly state: string | undefined
}> {
  const { tofu, job, store, variables, stored } = options
  const calledOff = childSignal(job.signal)
  const watch = watchState({
    path: job.workspace.statePath,
    known: stored?.state,
    onState: (state) => store.save({ state, variables }),
    onFailure: calledOff.abort,
  })
  const notes = keepNotes(options, calledOff.abort)
  let outputs: Readonly<Record<string, unknown>>
  try {
    outputs = await tofu.apply({ ...job, signal: calledOff.signal }, notes.take)
  } finally {
    await watch.end()
    await notes.end()
  }
  return { outputs, state: await job.workspace.readState() }
}

const words: Readonly<Record<string, string>> = { create: 'creating', update: 'changing', delete: 'deleting' }

/** Notes what is made and what is gone, one save after the other. Data that is read is told in the same way, and is nothing that was made. */
function keepNotes({ request, stored }: ApplyOptions, onFailure: (error: unknown) => void) {
  let state: InfrastructureState = { ...request.state, ...identifiersOf(parseState(stored?.state ?? '')) }
  let failure: { readonly error: unknown } | undefined
  let work: Promise<void> = Promise.resolve()
  const save = (next: InfrastructureState) => {
    state = next
    work = work.then(async () => {
      if (failure !== undefined) return
      try {
        await request.save(next)
      } catch (error) {
        failure = { error }
        onFailure(error)
      }
    })
  }
  return {
    take: (message: Message) => {
      if (message.type !== 'apply_start' && message.type !== 'apply_complete') return
      const { type, address, action, id } = message
      const word = words[action]
      if (type === 'apply_start' && word !== undefined) request.note(`${word} ${address}`)
      if (type === 'apply_start') return
      const { [address]: _, ...rest } = state
      if (action === 'delete') save(rest)
      if (action === 'create' && id !== undefined) save({ ...rest, [address]: id })
    },
    end: async () => {
      await work
      if (failure !== undefined) throw failure.error
    },
  }
}
