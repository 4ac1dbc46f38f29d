import { type FileHandle, mkdir, open, readFile, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { isJournalEvent, type Journal, type JournalEvent } from './journal.ts'

/** A journal in a file that stays open until disposed. */
export interface FileJournal extends Journal, AsyncDisposable {}

/**
 * A journal as lines of JSON in one file, made with its directory when absent. Each append is one write followed by fsync; a line that a
 * crash tore off is dropped at the next start. Any other damage is an `Invalid` failure that names the line: nothing is guessed.
 */
export async function openFileJournal(path: string): Promise<FileJournal> {
  await mkdir(dirname(path), { recursive: true })
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new Failure('Unavailable', `the journal ${path} cannot be read`, { cause: error })
  })
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const events = parseLines(path, whole)
  if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole))
  const file = await open(path, 'a', 0o600)
  let last: Promise<void> = Promise.resolve()
  return {
    load: async () => [...events],
    append: (event) => {
      last = last.then(() => write(file, path, event)).then(() => void events.push(event))
      return last
    },
    [Symbol.asyncDispose]: async () => {
      await last.catch(() => undefined)
      await file.close()
    },
  }
}

async function write(file: FileHandle, path: string, event: JournalEvent): Promise<void> {
  try {
    await file.appendFile(`${JSON.stringify(event)}\n`)
    await file.sync()
  } catch (error) {
    throw new Failure('Unavailable', `the journal ${path} cannot be written`, {
      cause: error,
      remedy: 'make room on its disk, then run again: the work resumes where it stopped',
    })
  }
}

function parseLines(path: string, text: string): JournalEvent[] {
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line, index) => {
    const event = parseJson(line)
    if (isJournalEvent(event)) return event
    throw new Failure('Invalid', `the journal ${path} is damaged in line ${index + 1}`, {
      field: `${path}:${index + 1}`,
      remedy: 'move the file away to begin anew: what exists already is found and kept',
    })
  })
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
