import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { createBuilder } from './builder.ts'
import { createCache } from './cache.ts'
import type { ProgressEvent, Recipe, Workshop } from './part.ts'

interface RecipeOptions {
  readonly needs?: readonly string[]
  readonly heavy?: boolean
  readonly silent?: boolean
  readonly input?: string
  readonly text?: string
  readonly work?: (workshop: Workshop) => Promise<void>
}

async function setUp() {
  const directory = await createTemporaryDirectory()
  const clock = createVirtualClock()
  const runner = createFakeRunner()
  const cache = createCache(clock, createSeededRandom('builder'), runner, directory.path)
  const made: string[] = []
  const events: ProgressEvent[] = []
  const recipe = (part: string, options: RecipeOptions = {}): Recipe => ({
    part,
    needs: options.needs ?? [],
    heavy: options.heavy ?? false,
    ...(options.silent === undefined ? {} : { silent: options.silent }),
    inputs: async () => [options.input ?? ''],
    make: async (workshop) => {
      made.push(part)
      await options.work?.(workshop)
      await writeFile(join(workshop.directory, 'file'), options.text ?? part)
      return 'build'
    },
  })
  return {
    made,
    events,
    recipe,
    ensure: (recipes: readonly Recipe[], ...parts: readonly string[]) =>
      createBuilder({ clock, log: createSilentLog(), runner, cache, recipes }).ensure(parts, (event) =>
        events.push(event),
      ),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

test('makes what is needed first, each once, and nothing at the second time', async () => {
  await using house = await setUp()
  const recipes = [
    house.recipe('image', { needs: ['program', 'system'] }),
    house.recipe('program'),
    house.recipe('system', { needs: ['program'] }),
    house.recipe('unrelated'),
  ]
  const entries = await house.ensure(recipes, 'image')
  expect(house.made).toEqual(['program', 'system', 'image'])
  expect([...entries.keys()].sort()).toEqual(['image', 'program', 'system'])
  house.events.length = 0
  await house.ensure(recipes, 'image')
  expect(house.made).toHaveLength(3)
  expect(house.events.map(({ part, state }) => `${part} ${state}`)).toEqual([
    'program present',
    'system present',
    'image present',
  ])
})

test('a part is made anew when a part it needs has other content, and only then', async () => {
  await using house = await setUp()
  const image = house.recipe('image', { needs: ['program'] })
  await house.ensure([image, house.recipe('program', { input: 'comment', text: 'same' })], 'image')
  await house.ensure([image, house.recipe('program', { input: 'other comment', text: 'same' })], 'image')
  expect(house.made).toEqual(['program', 'image', 'program'])
  await house.ensure([image, house.recipe('program', { input: 'change', text: 'different' })], 'image')
  expect(house.made).toEqual(['program', 'image', 'program', 'program', 'image'])
})

test('heavy parts are made one at a time', async () => {
  await using house = await setUp()
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
  }
  const recipes = ['a', 'b', 'c'].map((part) => house.recipe(part, { heavy: true, work }))
  await house.ensure(recipes, 'a', 'b', 'c')
  expect(most).toBe(1)
})

test('a failure is reported with the part and ends the run', async () => {
  await using house = await setUp()
  const work = () => Promise.reject(new Failure('Unavailable', 'no network', { remedy: 'connect' }))
  const recipes = [house.recipe('image', { needs: ['program'] }), house.recipe('program', { work })]
  await expect(house.ensure(recipes, 'image')).rejects.toThrow('no network')
  expect(house.made).toEqual(['program'])
  expect(house.events.at(-1)).toMatchObject({ part: 'program', state: 'failed', detail: 'no network (connect)' })
})

test('a silent part is heard of only when it fails', async () => {
  await using house = await setUp()
  await house.ensure([house.recipe('layer', { silent: true })], 'layer')
  expect(house.events).toEqual([])
})

test('a recipe that uses a part without needing it is a bug', async () => {
  await using house = await setUp()
  const work = async (workshop: Workshop) => void workshop.part('program')
  await expect(house.ensure([house.recipe('image', { work }), house.recipe('program')], 'image')).rejects.toThrow(
    'does not say that it needs program',
  )
})
