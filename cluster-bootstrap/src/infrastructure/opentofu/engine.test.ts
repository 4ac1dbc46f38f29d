import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { secrets } from '@trellis/api/core/configuration'
import { leases } from '@trellis/api/core/lease'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createGate } from '@trellis/foundation/gate'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { infrastructureRequest } from '../../../testing/infrastructure-request.ts'
import { createScriptedTofu, scriptedResources } from '../../../testing/scripted-tofu.ts'
import { createOpenTofuInfrastructure, type OpenTofuInfrastructureOptions, stateName } from './engine.ts'

const key = { namespace: 'shoot--local--first', name: stateName }

async function begin(changes: Partial<OpenTofuInfrastructureOptions> = {}) {
  const root = await createTemporaryDirectory()
  const memoryDirectory = join(root.path, 'memory')
  await mkdir(memoryDirectory)
  await mkdir(join(root.path, 'scripted'))
  const clock = createSystemClock()
  const random = createSeededRandom('engine')
  const client = createFakeClient({ clock, random })
  const world = createScriptedTofu()
  const options = {
    clock,
    random,
    client,
    log: createSilentLog(),
    tofu: world.tofu,
    cloud: world.cloud,
    modulesDirectory: root.path,
    providersDirectory: '/providers',
    memoryDirectory,
    gate: createGate(2),
    ...changes,
  }
  return {
    world,
    client,
    engine: createOpenTofuInfrastructure(options),
    /** Nothing of any run is left on the file system. */
    leftFiles: () => readdir(memoryDirectory),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  }
}

/** Stops as a kill does: what was done is done, and nobody was told. */
const killAt = (at: number) => (step: number) => {
  if (step === at) throw new Failure('Unavailable', 'killed')
}

describe('infrastructure by OpenTofu', () => {
  it('makes what is missing, keeps the state and says what there is', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    const outputs = await house.engine.apply(request)
    expect(Object.keys(outputs)).toEqual([...scriptedResources])
    expect(request.saved()).toEqual(outputs)
    expect(Object.fromEntries(house.world.existing)).toEqual(outputs)
    expect((await house.client.get(secrets, key)).type).toBe('trellis.internal/opentofu-state')
    expect(await house.leftFiles()).toEqual([])
  })

  it('shows the plan before it is carried out', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    await house.engine.apply(request)
    expect(request.notes).toEqual([
      `create ${scriptedResources.join(', ')}`,
      ...scriptedResources.map((address) => `creating ${address}`),
    ])
  })

  it('notes each thing as it is made', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    await house.engine.apply(request)
    expect(request.saves.map((state) => Object.keys(state).length)).toEqual([1, 2, 3, 3])
  })

  it('does nothing when there is nothing to do', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    const outputs = await house.engine.apply(request)
    house.world.calls.length = 0
    expect(await house.engine.apply(request.again())).toEqual(outputs)
    expect(house.world.calls).toEqual(['init', 'plan'])
  })

  it('plans without changing anything', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    expect(await house.engine.plan(request)).toEqual(scriptedResources.map((what) => ({ action: 'create', what })))
    expect(house.world.existing.size).toBe(0)
    expect(request.saves).toEqual([])
    expect([house.client.peek(secrets), house.client.peek(leases)]).toEqual([[], []])
  })

  describe.each(scriptedResources.map((_, index) => index + 1))('killed at step %i', (step) => {
    it.each([
      ['the cloud can be asked', true],
      ['only the notes are there', false],
    ])('takes over what it had made when %s', async (_what, canLookUp) => {
      await using house = await begin()
      house.world.onStep = killAt(step)
      const request = infrastructureRequest()
      await expect(house.engine.apply(request)).rejects.toThrowError('killed')
      expect(await house.leftFiles()).toEqual([])
      house.world.onStep = () => {}
      house.world.canLookUp = canLookUp
      const outputs = await house.engine.apply(request.again())
      expect(Object.keys(outputs).sort()).toEqual([...scriptedResources].sort())
      // The last thing was made before anybody was told of it: only asking the cloud finds that.
      expect(house.world.made.length).toBe(canLookUp ? 3 : 4)
    })

    it('destroys what it had made', async () => {
      await using house = await begin()
      house.world.onStep = killAt(step)
      const request = infrastructureRequest()
      await expect(house.engine.apply(request)).rejects.toThrowError('killed')
      house.world.onStep = () => {}
      await house.engine.destroy(request.again())
      expect(house.world.existing.size).toBe(0)
      expect(house.world.made.length).toBe(step)
    })

    it('goes on destroying', async () => {
      await using house = await begin()
      const request = infrastructureRequest()
      await house.engine.apply(request)
      house.world.onStep = killAt(step)
      await expect(house.engine.destroy(request.again())).rejects.toThrowError('killed')
      house.world.onStep = () => {}
      await house.engine.destroy(request.again())
      expect(house.world.existing.size).toBe(0)
      expect(house.client.peek(secrets)).toEqual([])
    })
  })

  it('destroys all, forgets the state, and may be asked again', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    await house.engine.apply(request)
    const later = request.again({ configuration: { changed: true } })
    await house.engine.destroy(later)
    expect([house.world.existing.size, house.client.peek(secrets), later.saved()]).toEqual([0, [], {}])
    house.world.calls.length = 0
    await house.engine.destroy(later.again())
    expect(house.world.calls).toEqual([])
  })

  it('starts nothing and writes nothing where there is nothing', async () => {
    await using house = await begin()
    await house.engine.destroy(infrastructureRequest())
    expect(house.world.calls).toEqual([])
    expect([house.client.peek(secrets), house.client.peek(leases)]).toEqual([[], []])
  })

  it('has nothing to destroy where the configuration was refused from the beginning', async () => {
    await using house = await begin()
    const refused = () => {
      throw new Failure('Invalid', 'is required', { field: 'floatingPoolName' })
    }
    await using strict = await begin({ cloud: { ...house.world.cloud, variables: refused } })
    await strict.engine.destroy(infrastructureRequest())
    await expect(strict.engine.destroy(infrastructureRequest({ state: { a: '1' } }))).rejects.toMatchObject({
      kind: 'Invalid',
    })
    await expect(strict.engine.apply(infrastructureRequest())).rejects.toMatchObject({ field: 'floatingPoolName' })
  })

  it('takes away first what the cluster left, and only where something was made', async () => {
    const order: string[] = []
    await using house = await begin()
    house.world.onRemoveLeftovers = ({ name }) => void order.push(`leftovers of ${name}`)
    const request = infrastructureRequest()
    await house.engine.destroy(request)
    expect(order).toEqual([])
    await house.engine.apply(request)
    house.world.onStep = () => void order.push('destroy')
    await house.engine.destroy(request.again({ configuration: 'changed' }))
    expect(order.slice(0, 2)).toEqual(['leftovers of shoot--local--first', 'destroy'])
  })

  it('destroys nothing as long as what the cluster left stays', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    await house.engine.apply(request)
    house.world.onRemoveLeftovers = () => {
      throw new Failure('Unavailable', 'the load balancer stays')
    }
    await expect(house.engine.destroy(request.again())).rejects.toThrowError('the load balancer stays')
    expect(house.world.existing.size).toBe(3)
  })

  it('ends when somebody else writes the state', async () => {
    await using house = await begin()
    const request = infrastructureRequest()
    await house.engine.apply(request)
    house.world.existing.delete('x_subnet.nodes')
    const secret = await house.client.get(secrets, key)
    house.world.onStep = async () => {
      const current = await house.client.get(secrets, key)
      await house.client.replace(secrets, { ...current, metadata: { ...current.metadata, labels: { touched: 'yes' } } })
    }
    await expect(house.engine.destroy(request.again())).rejects.toMatchObject({ kind: 'Conflict' })
    expect((await house.client.get(secrets, key)).data).toEqual(secret.data)
  })

  it('ends when what was made cannot be noted', async () => {
    await using house = await begin()
    const save = async () => {
      throw new Failure('Unavailable', 'no answer')
    }
    await expect(house.engine.apply(infrastructureRequest({ save }))).rejects.toThrowError('no answer')
  })

  it('keeps the state of a run that was called off', async () => {
    await using house = await begin()
    const stop = new AbortController()
    house.world.onStep = (step) => {
      if (step === 2) stop.abort(new Failure('Unavailable', 'the process ends'))
    }
    const request = infrastructureRequest({ signal: stop.signal })
    await expect(house.engine.apply(request)).rejects.toThrowError('the process ends')
    expect(house.world.made.length).toBe(2)
    house.world.canLookUp = false
    await house.engine.apply(request.again({ signal: new AbortController().signal, state: {} }))
    expect(house.world.made.length).toBe(3)
  })

  it('lets one run at a time work at a shoot, and several at several shoots', async () => {
    await using house = await begin()
    let running = 0
    let most = 0
    house.world.onStep = async () => {
      running++
      most = Math.max(most, running)
      await new Promise((resolve) => process.nextTick(resolve))
      running--
    }
    const request = infrastructureRequest()
    await Promise.all([house.engine.apply(request), house.engine.apply(request)])
    expect(most).toBe(1)
    expect(house.world.made.length).toBe(3)
  })
})
