import { isFailure } from '@trellis/foundation/failure'
import type { Client } from '@trellis/kubernetes/client'

/** Hears of every call whether the API server answered it. */
export type AnswerListener = (answered: boolean) => void

/**
 * The same client, which tells of every answer: what a call returned, what a watch said (bookmarks too), and refusals. A broken connection, a
 * timeout or a server's own trouble is no answer.
 */
export function tellingClient(client: Client, tell: AnswerListener): Client {
  const heard = async <Answer>(call: Promise<Answer>): Promise<Answer> => {
    try {
      const answer = await call
      tell(true)
      return answer
    } catch (error) {
      tellFault(error, tell)
      throw error
    }
  }
  return {
    get: (resource, key) => heard(client.get(resource, key)),
    find: (resource, key) => heard(client.find(resource, key)),
    list: (resource, options) => heard(client.list(resource, options)),
    watch: (resource, options) => tellingWatch(client.watch(resource, options), tell),
    create: (resource, object) => heard(client.create(resource, object)),
    replace: (resource, object) => heard(client.replace(resource, object)),
    replaceStatus: (resource, object) => heard(client.replaceStatus(resource, object)),
    patch: (resource, key, patch, options) => heard(client.patch(resource, key, patch, options)),
    apply: (resource, object, options) => heard(client.apply(resource, object, options)),
    delete: (resource, key, options) => heard(client.delete(resource, key, options)),
    request: (request) => heard(client.request(request)),
  }
}

function tellingWatch<Event>(events: AsyncIterable<Event>, tell: AnswerListener): AsyncIterable<Event> {
  return {
    [Symbol.asyncIterator]: () => {
      const inner = events[Symbol.asyncIterator]()
      return {
        next: async () => {
          try {
            const next = await inner.next()
            if (!next.done) tell(true)
            return next
          } catch (error) {
            tellFault(error, tell)
            throw error
          }
        },
        return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
      }
    },
  }
}

/** What is no failure is the caller's own doing, such as an abort, and says nothing. */
function tellFault(error: unknown, tell: AnswerListener): void {
  if (isFailure(error)) tell(!isFailure(error, 'Unavailable', 'Timeout'))
}
