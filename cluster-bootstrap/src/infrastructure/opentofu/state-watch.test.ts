import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { stateText } from '../../../testing/state-store-conformance.ts'
import { type StateWatchOptions, watchState } from './state-watch.ts'

async function begin(options: Partial<StateWatchOptions> = {}) {
  const root = await createTemporaryDirectory()
  const path = join(root.path, 'terraform.tfstate')
  const states: string[] = []
  const failures: unknown[] = []
  const watch = watchState({
    path,
    known: undefined,
    onState: async (text) => {
      states.push(text)
    },
    onFailure: (error) => failures.push(error),
    ...options,
  })
  return { path, states, failures, watch, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() }
}

describe('following a state', () => {
  it('hands over what is there at the end, once', async () => {
    await using house = await begin()
    await writeFile(house.path, stateText(1, 1))
    await house.watch.end()
    await house.watch.end()
    expect(house.states.at(-1)).toBe(stateText(1, 1))
    expect(new Set(house.states).size).toBe(house.states.length)
  })

  it('hands over a state as soon as it is written', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    await using house = await begin({ onState: async (text) => resolve(text) })
    await writeFile(house.path, stateText(1, 1))
    expect(await promise).toBe(stateText(1, 1))
    await house.watch.end()
  })

  it('hands over one after the other', async () => {
    const first = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const order: string[] = []
    await using house = await begin({
      onState: async (text) => {
        order.push(`begin ${JSON.parse(text).serial}`)
        begun.resolve()
        if (order.length === 1) await first.promise
        order.push(`end ${JSON.parse(text).serial}`)
      },
    })
    await writeFile(house.path, stateText(1, 1))
    await begun.promise
    await writeFile(house.path, stateText(2, 1))
    const end = house.watch.end()
    first.resolve()
    await end
    expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2'])
  })

  it.each([
    ['nothing', undefined],
    ['half a state', '{"version":4,"serial":1,"lineage":'],
    ['what is known', stateText(1, 1)],
  ])('passes over %s', async (_what, text) => {
    await using house = await begin({ known: stateText(1, 1) })
    if (text !== undefined) await writeFile(house.path, text)
    await house.watch.end()
    expect(house.states).toEqual([])
  })

  it('fails with what handing over failed with, told at once and not tried again', async () => {
    const told = Promise.withResolvers<unknown>()
    let tries = 0
    await using house = await begin({
      onState: async () => {
        tries++
        throw new Failure('Conflict', 'somebody else has written')
      },
      onFailure: told.resolve,
    })
    await writeFile(house.path, stateText(1, 1))
    expect(await told.promise).toMatchObject({ kind: 'Conflict' })
    await writeFile(house.path, stateText(2, 1))
    await expect(house.watch.end()).rejects.toMatchObject({ kind: 'Conflict' })
    await expect(house.watch.end()).rejects.toMatchObject({ kind: 'Conflict' })
    expect(tries).toBe(1)
  })
})
