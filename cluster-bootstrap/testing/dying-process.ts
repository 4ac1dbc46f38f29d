import { InvariantError } from '@trellis/foundation/failure'

/** On which side of the cloud's act a process dies: it never asked, or it never heard of it. */
export type Moment = 'before' | 'after'

/** When a process dies: at the how-manieth call, and on which side of it. */
export interface Death {
  readonly at: number
  readonly when: Moment
}

/** What is thrown where a process ends: nothing of ours handles it. */
export function killed(): InvariantError {
  return new InvariantError('the process was killed')
}

/** A process in front of a cloud. */
export interface DyingProcess {
  /** Puts the process between the caller and every function of `target`, also of objects in it. */
  wrap<Target extends object>(target: Target): Target
  /** Calls so far that change something. */
  calls(): number
}

/**
 * A process that dies at its so-manieth change; never when `death` is absent. Functions that `isReading` knows by name do not count: to die after a question is to die
 * before the change that follows it. What is under way at its death is carried out, and nobody hears of it.
 */
export function createDyingProcess(isReading: (name: string) => boolean, death?: Death): DyingProcess {
  let made = 0
  let dead = false
  const count = (name: string) => {
    if (dead) throw killed()
    if (isReading(name)) return
    dead = ++made === death?.at
    if (dead && death?.when === 'before') throw killed()
  }
  const wrap = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get: (whole, name) => {
        const value: unknown = Reflect.get(whole, name)
        if (typeof name === 'symbol') return value
        if (typeof value === 'object' && value !== null) return wrap(value)
        if (typeof value !== 'function') return value
        return async (...args: readonly unknown[]) => {
          count(name)
          const answer: unknown = await Reflect.apply(value, whole, args)
          if (dead) throw killed()
          return answer
        }
      },
    })
  return { wrap, calls: () => made }
}
