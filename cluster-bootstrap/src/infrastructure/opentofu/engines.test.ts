import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { infrastructureRequest } from '../../../testing/infrastructure-request.ts'
import { createOpenTofuEngines } from './engines.ts'

function begin() {
  const [clock, random] = [createSystemClock(), createSeededRandom('engines')]
  const seed = createFakeClient({ clock, random })
  const parts = { program: '/nowhere/tofu', providersDirectory: '/nowhere/providers', modulesDirectory: '/nowhere' }
  return createOpenTofuEngines({ clock, random, seed, log: createSilentLog() }, parts)
}

describe('the engines on OpenTofu', () => {
  it.each(['aws', 'gcp', 'openstack'])('are made once for %s', async (type) => {
    const engines = begin()
    const engine = await engines(type)
    expect(engine).toBeDefined()
    expect(await engines(type)).toBe(engine)
    await expect(engine?.apply(infrastructureRequest())).rejects.toMatchObject({ kind: 'Invalid' })
  })

  it.each(['local', 'constructor'])('are not for %s, which has no module', (type) => {
    expect(begin()(type)).toBeUndefined()
  })
})
