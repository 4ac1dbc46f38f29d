import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFileJournal } from './file-journal.ts'
import type { JournalEvent } from './journal.ts'

const started: JournalEvent = { kind: 'run-started', at: 1, run: 'one', flow: 'f' }
const task = (name: string): JournalEvent => ({ kind: 'task-started', at: 2, task: name })

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trellis-flow-'))
})
afterEach(() => rm(directory, { recursive: true }))
const path = () => join(directory, 'deep', 'journal.jsonl')

async function reload(): Promise<readonly JournalEvent[]> {
  await using journal = await openFileJournal(path())
  return journal.load()
}

describe('the file journal', () => {
  it('keeps events in order, readable by its owner only', async () => {
    {
      await using journal = await openFileJournal(path())
      expect(await journal.load()).toEqual([])
      await Promise.all([started, task('a'), task('b')].map((event) => journal.append(event)))
      expect(await journal.load()).toHaveLength(3)
    }
    expect(await reload()).toEqual([started, task('a'), task('b')])
    expect((await stat(path())).mode & 0o777).toBe(0o600)
  })

  it('drops a torn last line, at every length of it, and goes on after the last whole one', async () => {
    const line = JSON.stringify(task('torn'))
    for (let length = 1; length <= line.length; length += 7) {
      await rm(path(), { force: true })
      {
        await using journal = await openFileJournal(path())
        await journal.append(started)
      }
      await appendFile(path(), line.slice(0, length))
      {
        await using journal = await openFileJournal(path())
        expect(await journal.load()).toEqual([started])
        await journal.append(task('after'))
      }
      expect(await reload()).toEqual([started, task('after')])
    }
  })

  it.each([
    { name: 'text that is no JSON', line: 'nonsense' },
    { name: 'an unknown event', line: '{"kind":"task-exploded","at":1,"task":"a"}' },
    { name: 'an event without its task', line: '{"kind":"task-started","at":1}' },
    { name: 'an event without its instant', line: '{"kind":"task-started","task":"a"}' },
    { name: 'a bare null', line: 'null' },
  ])('names the line of any other damage: $name', async ({ line }) => {
    await openFileJournal(path()).then((journal) => journal[Symbol.asyncDispose]())
    await writeFile(path(), `${JSON.stringify(started)}\n${line}\n${JSON.stringify(task('a'))}\n`)
    const before = await readFile(path(), 'utf8')
    await expect(openFileJournal(path())).rejects.toMatchObject({
      kind: 'Invalid',
      message: expect.stringContaining('damaged in line 2'),
      remedy: expect.stringContaining('move the file away'),
    })
    expect(await readFile(path(), 'utf8')).toBe(before)
  })

  it('says so when the path cannot be a file', async () => {
    await expect(openFileJournal(directory)).rejects.toMatchObject({ kind: 'Unavailable' })
  })
})
