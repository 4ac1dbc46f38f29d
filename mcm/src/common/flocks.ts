import type { KubernetesObject } from '@trellis/api/meta'
import type { Clock, Timer } from '@trellis/foundation/clock'
import { controllerOf } from './ownership.ts'

/** Tells of things that happen to many objects of one owner at about the same time, in one event on the owner. */
export interface Flocks extends Disposable {
  /** Notes that it happened to this object. Objects without an owner are told of at once, on themselves. */
  note(object: KubernetesObject, reason: string, what: string): void
}

/** How long a flock is gathered: a thousand machines that join within a minute are a dozen events. */
const gatherMilliseconds = 5000

/** Names that one event lists. */
const listedNames = 10

interface Flock {
  readonly owner: KubernetesObject
  readonly reason: string
  readonly what: string
  readonly names: string[]
  readonly timer: Timer
}

/** Makes an empty gathering; disposing it tells what was gathered. */
export function createFlocks(
  clock: Clock,
  tell: (object: KubernetesObject, reason: string, message: string) => void,
): Flocks {
  const flocks = new Map<string, Flock>()
  const end = (key: string, { owner, reason, what, names, timer }: Flock) => {
    timer.cancel()
    flocks.delete(key)
    const shown = names.slice(0, listedNames).join(', ')
    const more = names.length > listedNames ? ` and ${names.length - listedNames} more` : ''
    tell(owner, reason, `${names.length} ${names.length === 1 ? 'machine' : 'machines'} ${what}: ${shown}${more}`)
  }
  return {
    note: (object, reason, what) => {
      const { name, namespace } = object.metadata
      const reference = controllerOf(object)
      if (reference === undefined) return tell(object, reason, `The machine ${what}`)
      const key = `${reference.uid} ${reason}`
      const known = flocks.get(key)
      if (known !== undefined) return void known.names.push(name)
      const { apiVersion, kind, uid } = reference
      const owner = {
        apiVersion,
        kind,
        metadata: { name: reference.name, uid, ...(namespace === undefined ? {} : { namespace }) },
      }
      const timer = clock.setTimer(gatherMilliseconds, () => end(key, flock), { unref: true })
      const flock: Flock = { owner, reason, what, names: [name], timer }
      flocks.set(key, flock)
    },
    [Symbol.dispose]: () => {
      for (const [key, flock] of [...flocks]) end(key, flock)
    },
  }
}
