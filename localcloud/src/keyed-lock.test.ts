import { describe, expect, it } from 'vitest'
import { createKeyedLock, createLimiter } from './keyed-lock.ts'

describe('createKeyedLock', () => {
  it('lets works of one key follow each other, even after a failure', async () => {
    const lock = createKeyedLock()
    const events: string[] = []
    const gate = Promise.withResolvers<void>()
    const first = lock.run('a', async () => {
      await gate.promise
      events.push('first')
      throw new TypeError('first fails')
    })
    const second = lock.run('a', async () => void events.push('second'))
    await lock.run('b', async () => void events.push('other key'))
    gate.resolve()
    await expect(first).rejects.toThrow('first fails')
    await second
    expect(events).toEqual(['other key', 'first', 'second'])
    await lock.idle()
  })
})

describe('createLimiter', () => {
  it('lets no more run than the limit, and all in the end', async () => {
    const limited = createLimiter(2)
    let running = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      running--
    }
    await Promise.all(Array.from({ length: 9 }, () => limited(work)))
    expect(most).toBe(2)
    await expect(limited(async () => Promise.reject(new TypeError('no')))).rejects.toThrow('no')
    await limited(work)
  })
})
