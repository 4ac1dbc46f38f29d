import { describe, expect, it } from 'vitest'
import { createKeyedLock } from './keyed-lock.ts'

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
