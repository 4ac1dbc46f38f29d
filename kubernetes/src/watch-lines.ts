import type { KubernetesObject } from '@trellis/api/meta'
import { Failure } from '@trellis/foundation/failure'
import { failureOf, isStatus } from './status.ts'

/** An event as it stands on a watch's line. */
export interface ParsedEvent<Kind extends KubernetesObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  readonly object: Kind
}

const newline = 10

/**
 * Cuts a byte stream into lines. Throws `Unavailable` when it ends within a line: half an event is a fault,
 * since dropping it would leave a copy of the world that is wrong for ever.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = []
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      parts.push(chunk.subarray(start, end))
      yield Buffer.concat(parts).toString()
      parts = []
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (parts.length > 0) throw new Failure('Unavailable', 'the watch ended in the middle of an event')
}

/** Reads one line of a watch. An ERROR event is thrown as the failure of its code, a line that is no event as `Unavailable`. */
export function parseEvent<Kind extends KubernetesObject>(line: string, path: string): ParsedEvent<Kind> {
  const event = parseLine(line)
  if (event.type === 'ERROR') throw errorOf(event.object, path)
  if (!isEventType(event.type) || !isObject(event.object)) {
    throw new Failure('Unavailable', `a line of the watch is no event: ${line.slice(0, 100)}`)
  }
  return { type: event.type, object: event.object as Kind }
}

function parseLine(line: string): { readonly type?: unknown; readonly object?: unknown } {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Reported below, like any other line that is no event.
  }
  throw new Failure('Unavailable', `a line of the watch is no event: ${line.slice(0, 100)}`)
}

function isEventType(type: unknown): type is ParsedEvent<KubernetesObject>['type'] {
  return type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK'
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as KubernetesObject).metadata === 'object'
}

function errorOf(object: unknown, path: string): Failure {
  if (!isStatus(object)) return new Failure('Unavailable', 'the watch ended with an error that is no Status')
  return failureOf({ method: 'WATCH', path, code: object.code ?? 500, status: object })
}
