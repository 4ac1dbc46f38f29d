import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { infrastructureRequest } from '../../../testing/infrastructure-request.ts'
import { createOpenTofuEngines } from './engines.ts'

const providers = ['hashicorp/aws', 'hashicorp/google', 'terraform-provider-openstack/openstack']

async function begin(engine: 'opentofu' | 'sdk' = 'opentofu', mirrored = providers) {
  const directory = await createTemporaryDirectory()
  for (const one of mirrored) await mkdir(join(directory.path, 'registry.opentofu.org', one), { recursive: true })
  const [clock, random] = [createSystemClock(), createSeededRandom('engines')]
  const seed = createFakeClient({ clock, random })
  const parts = { engine, program: '/nowhere/tofu', providersDirectory: directory.path, modulesDirectory: '/nowhere' }
  const engines = createOpenTofuEngines({ clock, random, seed, log: createSilentLog() }, parts)
  return { engines, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

describe('the engines on OpenTofu', () => {
  it.each(['aws', 'gcp', 'openstack'])('are made once for %s', async (type) => {
    await using house = await begin()
    const engine = await house.engines.of(type)
    expect(engine).toBeDefined()
    expect(await house.engines.of(type)).toBe(engine)
    await expect(engine?.apply(infrastructureRequest())).rejects.toMatchObject({ kind: 'Invalid' })
  })

  it.each(['local', 'constructor'])('are not for %s, which has no module', async (type) => {
    await using house = await begin()
    expect(house.engines.of(type)).toBeUndefined()
  })

  it('are not for a cloud whose provider is not in the mirror', async () => {
    await using house = await begin('opentofu', ['terraform-provider-openstack/openstack'])
    const types = ['aws', 'gcp', 'openstack']
    expect(types.filter((type) => house.engines.of(type) !== undefined)).toEqual(['openstack'])
  })

  it('look for the providers that the modules ask for', async () => {
    for (const [module, provider] of [
      ['aws', providers[0]],
      ['gcp', providers[1]],
      ['openstack', providers[2]],
    ]) {
      const text = await readFile(join(import.meta.dirname, `modules/${module}/versions.tf`), 'utf8')
      expect(text).toContain(`"${provider}"`)
    }
  })

  it.each([
    ['opentofu', true],
    ['sdk', false],
  ] as const)('with %s as the engine of new shoots: %s', async (engine, forNewShoots) => {
    await using house = await begin(engine)
    expect(house.engines.forNewShoots).toBe(forNewShoots)
  })
})
