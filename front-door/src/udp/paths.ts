import { describe } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Target } from '../destinations/destinations.ts'
import type { Flow } from './flow-table.ts'
import type { Listener } from './listener.ts'
import { openUserPath, type UserPath } from './user-path.ts'

/** A flow's way through this program. */
export interface Path extends UserPath {
  lastUsed: number
  /** Where its source speaks to: answers leave from there. */
  listener: Listener
}

/** The ways of flows through this program. */
export interface Paths {
  /** The flow's way to the target, opened when there is none. */
  open(flow: Flow, target: Target, at: { readonly listener: Listener; readonly now: number }): Path
  close(flow: Flow): void
  /** Closes what was not used since this instant and may be closed. */
  closeResting(since: number, may: (flow: Flow) => boolean): void
  size(): number
  closeAll(): void
}

/** No ways yet. `onAnswer` gets what the target of a flow says. */
export function createPaths(log: Log, onAnswer: (flow: Flow, path: Path, bytes: Buffer) => void): Paths {
  const paths = new Map<Flow, Path>()
  const close = (flow: Flow) => {
    paths.get(flow)?.close()
    paths.delete(flow)
  }
  const create = (flow: Flow, target: Target, { listener, now }: { listener: Listener; now: number }): Path => {
    const way = openUserPath({
      target,
      onAnswer: (bytes) => onAnswer(flow, path, bytes),
      onError: (error) => {
        log.warn({ problem: describe(error) }, 'a way to a destination has failed')
        close(flow)
      },
    })
    const path: Path = { ...way, listener, lastUsed: now }
    paths.set(flow, path)
    return path
  }
  return {
    open: (flow, target, at) => {
      const path = paths.get(flow) ?? create(flow, target, at)
      path.lastUsed = at.now
      path.listener = at.listener
      return path
    },
    close,
    closeResting: (since, may) => {
      for (const [flow, { lastUsed }] of paths) if (lastUsed < since && may(flow)) close(flow)
    },
    size: () => paths.size,
    closeAll: () => {
      for (const flow of [...paths.keys()]) close(flow)
    },
  }
}
