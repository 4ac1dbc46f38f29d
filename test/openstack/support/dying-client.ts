import type { OpenStackClient } from '@trellis/cloudprovider/openstack/client'
import { Failure } from '@trellis/foundation/failure'

/** What a client was asked, and when it stops answering. */
export interface Tally {
  calls: number
  writes: number
  /** Number of the call after which nothing comes back any more. */
  readonly diesAfter: number
}

const reading = ['list', 'get', 'hasVolumes', 'hasLoadBalancers']

/** A client that counts, and that stops like a process that died: the cloud acted on the last call, and nobody hears of it. */
export function dyingClient(client: OpenStackClient, tally: Tally): OpenStackClient {
  return wrap(client, tally)
}

function wrap<Target extends object>(target: Target, tally: Tally): Target {
  return new Proxy(target, {
    get: (from, name) => {
      const value = Reflect.get(from, name)
      if (name === Symbol.dispose) return value
      if (typeof value === 'object' && value !== null) return wrap(value, tally)
      if (typeof value !== 'function') return value
      return async (...args: readonly unknown[]) => {
        const dead = () => new Failure('Unavailable', 'the process has died')
        if (tally.calls >= tally.diesAfter) throw dead()
        tally.calls++
        const last = tally.calls === tally.diesAfter
        if (!reading.includes(String(name))) tally.writes++
        const answer = await Reflect.apply(value, from, args)
        if (last) throw dead()
        return answer
      }
    },
  })
}
