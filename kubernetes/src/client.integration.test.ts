import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { afterAll, beforeAll, describe } from 'vitest'
import { testClient } from '../testing/client-conformance.ts'
import { startTestControlPlane, type TestControlPlane } from '../testing/control-plane.ts'
import { gardenDefinition, namespaces } from '../testing/kinds.ts'
import { testForgottenWatch, testWatch } from '../testing/watch-conformance.ts'
import { installCustomResources } from './custom-resources.ts'

describe('client of a real API server', () => {
  let controlPlane: TestControlPlane
  let count = 0
  beforeAll(async () => {
    controlPlane = await startTestControlPlane()
    const { client } = controlPlane
    await installCustomResources({
      client,
      clock: createSystemClock(),
      random: createSystemRandom(),
      definitions: [gardenDefinition],
    })
  })
  afterAll(() => controlPlane?.[Symbol.asyncDispose]())

  const harness = () => ({
    client: controlPlane.client,
    namespace: async () => {
      const name = `namespace-${count++}`
      await controlPlane.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      return name
    },
    forget: () => controlPlane.restartApiServer(),
  })

  describe('as a client', () => testClient(harness))
  describe('as a watch', () => testWatch(harness))
  describe('when it forgets', () => testForgottenWatch(harness))
})
