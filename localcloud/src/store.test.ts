import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { exampleNetwork, exampleServer } from '../testing/examples.ts'
import { openStore } from './store.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'localcloud-store-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const fileOf = (id: string) => join(directory, 'server', `${id}.json`)

describe('the store', () => {
  it('gives back after a restart what was put', async () => {
    const store = await openStore(directory)
    await store.put('network', exampleNetwork())
    await store.put('server', exampleServer({ process: { pid: 7, startTicks: '99' } }))
    const again = await openStore(directory)
    expect(again.list('network')).toEqual([exampleNetwork()])
    expect(again.get('server', 'srv-11111111')).toEqual(exampleServer({ process: { pid: 7, startTicks: '99' } }))
    expect(again.problems()).toEqual([])
  })

  it('shows a change before it is on disk, and the last of many wins', async () => {
    const store = await openStore(directory)
    const writes = Array.from({ length: 20 }, (_, index) =>
      store.put('server', exampleServer({ name: `name-${index}` })),
    )
    expect(store.get('server', 'srv-11111111').name).toBe('name-19')
    await Promise.all(writes)
    expect((await openStore(directory)).get('server', 'srv-11111111').name).toBe('name-19')
    expect(await readdir(join(directory, 'server'))).toEqual(['srv-11111111.json'])
  })

  it('lists the oldest first, before and after a restart', async () => {
    const store = await openStore(directory)
    await store.put('server', exampleServer({ id: 'srv-a', createdAt: '2026-01-02T00:00:00.000Z' }))
    await store.put('server', exampleServer({ id: 'srv-b', createdAt: '2026-01-01T00:00:00.000Z' }))
    for (const each of [store, await openStore(directory)]) {
      expect(each.list('server').map(({ id }) => id)).toEqual(['srv-b', 'srv-a'])
    }
  })

  it('forgets what is removed, and removing again is harmless', async () => {
    const store = await openStore(directory)
    await store.put('server', exampleServer())
    await store.remove('server', 'srv-11111111')
    await store.remove('server', 'srv-11111111')
    expect(() => store.get('server', 'srv-11111111')).toThrow(expect.objectContaining({ kind: 'NotFound' }))
    expect((await openStore(directory)).list('server')).toEqual([])
  })

  it('takes a change back that cannot be written, and says which file', async () => {
    const store = await openStore(directory)
    await store.put('server', exampleServer())
    await rm(join(directory, 'server'), { recursive: true })
    await writeFile(join(directory, 'server'), 'in the way')
    const fault = { kind: 'Unavailable', message: expect.stringContaining(fileOf('srv-11111111')) }
    await expect(store.put('server', exampleServer({ name: 'changed' }))).rejects.toMatchObject(fault)
    expect(store.get('server', 'srv-11111111').name).toBe('one')
    await expect(store.put('server', exampleServer({ id: 'srv-2' }))).rejects.toMatchObject({ kind: 'Unavailable' })
    expect(store.find('server', 'srv-2')).toBeUndefined()
  })

  it('lets nobody else read its files', async () => {
    await (await openStore(directory)).put('server', exampleServer())
    expect((await stat(fileOf('srv-11111111'))).mode & 0o777).toBe(0o600)
  })

  it('takes no notice of a file that was being written when the machine crashed', async () => {
    const store = await openStore(directory)
    await store.put('server', exampleServer())
    await writeFile(`${fileOf('srv-11111111')}.new`, '{"id"')
    expect((await openStore(directory)).problems()).toEqual([])
  })

  it.each([
    { reason: 'half a file', content: '{"id": "srv-' },
    { reason: 'an empty file', content: '' },
    { reason: 'another shape', content: '{"id":"srv-22222222"}' },
    { reason: 'an unknown key', content: JSON.stringify({ ...exampleServer({ id: 'srv-22222222' }), color: 'red' }) },
    { reason: 'another id', content: JSON.stringify(exampleServer({ id: 'srv-33333333' })) },
  ])('keeps $reason aside, names it, and goes on with the rest', async ({ content }) => {
    await (await openStore(directory)).put('server', exampleServer())
    const file = fileOf('srv-22222222')
    await writeFile(file, content)
    const store = await openStore(directory)
    expect(store.list('server').map(({ id }) => id)).toEqual(['srv-11111111'])
    expect(store.problems()).toEqual([
      { file, message: expect.stringContaining(file), remedy: expect.stringContaining('restore the file') },
    ])
    expect(store.isUnreadable('server', 'srv-22222222')).toBe(true)
    expect(() => store.get('server', 'srv-22222222')).toThrow(expect.objectContaining({ kind: 'Unavailable' }))
    expect(await readFile(file, 'utf8'), 'the file is not touched').toBe(content)
    await store.remove('server', 'srv-22222222')
    expect(store.problems()).toEqual([])
  })
})
