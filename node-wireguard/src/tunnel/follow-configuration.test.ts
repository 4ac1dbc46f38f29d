import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSilentLog } from '@trellis/foundation/log'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { followConfiguration } from './follow-configuration.ts'
import { type Configuration, fingerprintOf } from './read-configuration.ts'

/** Configurations that differ in their name only; the files behind them do not matter here. */
function named(name: string): Configuration {
  return { file: {}, settings: { name, links: [] } } as unknown as Configuration
}

function follow(onChange: (name: string) => Promise<void> = async () => {}) {
  const clock = createVirtualClock()
  const life = new AbortController()
  const taken: string[] = []
  const state = { now: 'first', broken: false, reads: 0 }
  const following = followConfiguration({
    ...{ clock, log: createSilentLog(), signal: life.signal, first: named('first') },
    fingerprint: async () => `${state.now} ${state.broken}`,
    read: async () => {
      state.reads++
      if (state.broken) throw new TypeError('half written')
      return named(state.now)
    },
    onChange: async ({ settings }) => {
      taken.push(settings.name)
      await onChange(settings.name)
    },
  })
  return { clock, life, taken, state, following }
}

describe('a configuration that is followed', () => {
  it('is taken once when it has changed, and not while it is the same', async () => {
    const { clock, life, taken, state, following } = follow()
    await clock.advance(6000)
    expect(taken).toEqual([])
    state.now = 'second'
    await clock.advance(6000)
    expect(taken).toEqual(['second'])
    // Once at the beginning, once when it had changed.
    expect(state.reads).toBe(2)
    life.abort()
    await following
  })

  it('changes nothing while it cannot be read, and is taken when it can', async () => {
    const { clock, life, taken, state, following } = follow()
    state.broken = true
    state.now = 'second'
    await clock.advance(4000)
    expect(taken).toEqual([])
    state.broken = false
    await clock.advance(2000)
    expect(taken).toEqual(['second'])
    life.abort()
    await following
  })

  it('is tried again when it could not be put in force', async () => {
    let refuses = true
    const { clock, life, taken, state, following } = follow(async () => {
      if (refuses) throw new TypeError('no device')
    })
    state.now = 'second'
    await clock.advance(4000)
    expect(taken).toEqual(['second', 'second'])
    refuses = false
    await clock.advance(4000)
    expect(taken).toEqual(['second', 'second', 'second'])
    life.abort()
    await following
  })

  it('ends when it is told to', async () => {
    const { clock, life, state, following } = follow()
    life.abort()
    await following
    const { reads } = state
    await clock.advance(10_000)
    expect(state.reads).toBe(reads)
  })
})

describe('the fingerprint of files', () => {
  it('changes with their content, when they are replaced and when they go, and not else', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fingerprint-'))
    try {
      const paths = ['a', 'b'].map((name) => join(directory, name))
      const [first = '', second = ''] = paths
      const prints = [await fingerprintOf(paths)]
      const changes = [
        () => writeFile(first, 'one'),
        () => writeFile(second, 'two'),
        () => writeFile(second, 'longer'),
        async () => {
          await writeFile(`${first}.new`, 'one')
          await rename(`${first}.new`, first)
        },
        () => rm(second),
      ]
      for (const change of changes) {
        await change()
        prints.push(await fingerprintOf(paths))
        expect(await fingerprintOf(paths)).toBe(prints.at(-1))
      }
      expect(new Set(prints).size).toBe(prints.length)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
