import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { boundLog, readConsole } from './console-keeper.ts'

let directory: string
let log: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'localcloud-console-'))
  log = join(directory, 'console.log')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('readConsole', () => {
  it.each([
    { reason: 'the last lines', content: 'a\r\nb\r\nc\r\n', lines: 2, text: 'b\nc\n' },
    { reason: 'all when there are fewer', content: 'a\n', lines: 9, text: 'a\n' },
    { reason: 'a line that has not ended yet', content: 'a\nlogin: ', lines: 1, text: 'login: \n' },
    { reason: 'nothing', content: '', lines: 3, text: '' },
  ])('gives $reason', async ({ content, lines, text }) => {
    await writeFile(log, content)
    expect(await readConsole(log, lines)).toBe(text)
  })
  it('gives nothing when there is no log', async () => expect(await readConsole(log, 3)).toBe(''))
})

describe('boundLog', () => {
  it('leaves a short log alone, and an absent one absent', async () => {
    await boundLog(log, 10)
    await writeFile(log, 'short\n')
    await boundLog(log, 10)
    expect(await readFile(log, 'utf8')).toBe('short\n')
  })

  it('keeps the end of a long one, and whoever appends goes on', async () => {
    const writer = await open(log, 'a')
    for (let line = 0; line < 100; line++) await writer.write(`line ${line}\n`)
    await boundLog(log, 400)
    await writer.write('after\n')
    await writer.close()
    const text = await readFile(log, 'utf8')
    expect(text.length).toBeLessThan(120)
    expect(text).toMatch(/^line \d+\n/)
    expect(text.endsWith('line 99\nafter\n')).toBe(true)
  })
})
