import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe } from 'vitest'
import { createFakeClient } from '../testing/fake-client.ts'
import { type InformerHarness, testInformer } from '../testing/informer-conformance.ts'

/** Two clients of one fake server: what the fake does to connections, it does to the informer's alone. */
function createWorld(): InformerHarness {
  const clock = createSystemClock()
  const random = createSeededRandom('informer')
  const fake = createFakeClient({ clock, random })
  let count = 0
  let down = false
  const requireUp = () => {
    if (down) throw new Failure('Unavailable', 'the server cannot be reached')
  }
  return {
    clock,
    random,
    admin: fake,
    client: {
      ...fake,
      list: async (resource, options) => {
        const list = await fake.list(resource, options)
        requireUp()
        return list
      },
      watch: async function* (resource, options) {
        requireUp()
        // Also asked of each event: a watch may have been on its way to the server when it went down.
        for await (const event of fake.watch(resource, options)) {
          requireUp()
          yield event
        }
      },
    },
    namespace: async () => `namespace-${count++}`,
    disconnect: fake.disconnect,
    setDown: (value) => {
      down = value
    },
    forget: async () => fake.compact(),
  }
}

describe.each(['stream', 'pages'] as const)('informer over the fake client (%s)', (initialList) => {
  const world = createWorld()
  testInformer(() => world, initialList)
})
