import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isTest, readSources, repository, type Source } from './sources.ts'

interface Layers {
  /** What a room's product code may import. */
  readonly rooms: Readonly<Record<string, readonly string[]>>
  /** What its tests and its `testing/` may import besides. */
  readonly testRooms: Readonly<Record<string, readonly string[]>>
  readonly onlyIn: Readonly<Record<string, { readonly rooms: readonly string[]; readonly reason: string }>>
}

const layers = JSON.parse(readFileSync(join(repository, 'layers.json'), 'utf8')) as Layers
const rooms = Object.keys(layers.rooms).sort((a, b) => b.length - a.length)
const packageRooms: Readonly<Record<string, string>> = { '@trellis/flow': 'cluster-bootstrap/flow' }
const sources = readSources().filter((source) => roomOf(source.path) !== undefined)

/** The innermost room that a path lies in. */
function roomOf(path: string): string | undefined {
  return rooms.find((room) => path.startsWith(`${room}/`))
}

/** The room that an import leads to; undefined for packages that are not ours. */
function targetOf(source: Source, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return roomOf(normalize(join(dirname(source.path), specifier)))
  if (specifier.startsWith('@trellis/flow/')) return packageRooms['@trellis/flow']
  if (specifier.startsWith('@trellis/')) return roomOf(`${specifier.slice('@trellis/'.length)}/`)
  if (specifier.startsWith('node-wireguard/')) return 'node-wireguard'
  return undefined
}

/** What tests of every room may import. */
const everyTestRoom = ['foundation', 'api', 'kubernetes']

/** The rooms that a source may import from. */
function allowedFor({ path }: Source): ReadonlySet<string> {
  const room = roomOf(path) ?? ''
  const besides = isTest(path) ? [...everyTestRoom, ...(layers.testRooms[room] ?? [])] : []
  return new Set([room, ...(layers.rooms[room] ?? []), ...besides])
}

/** The rooms that sources of a room import from. */
function importedBy(room: string, isMeant: (path: string) => boolean): ReadonlySet<string | undefined> {
  const own = sources.filter(({ path }) => roomOf(path) === room && isMeant(path))
  return new Set(own.flatMap((source) => source.imports.map((specifier) => targetOf(source, specifier))))
}

describe('layers', () => {
  it('finds sources to judge', () => {
    expect(sources.length).toBeGreaterThan(20)
  })

  it('lets a room import only what layers.json allows', () => {
    const offences = sources.flatMap((source) => {
      const allowed = allowedFor(source)
      return source.imports
        .map((specifier) => ({ specifier, target: targetOf(source, specifier) }))
        .filter(({ target }) => target !== undefined && !allowed.has(target))
        .map(({ specifier }) => `${source.path} imports ${specifier}`)
    })
    expect(offences).toEqual([])
  })

  it('allows product code nothing that only tests import', () => {
    const offences = Object.entries(layers.rooms).flatMap(([room, allowed]) => {
      const [byTests, byProduct] = [importedBy(room, isTest), importedBy(room, (path) => !isTest(path))]
      // All of that room is tests.
      if (room === 'test') return []
      return allowed
        .filter((target) => byTests.has(target) && !byProduct.has(target) && !everyTestRoom.includes(target))
        .map((target) => `${room} may import ${target}, which only its tests do: move it to testRooms`)
    })
    expect(offences).toEqual([])
  })

  it('names for tests only rooms that tests import and product code may not', () => {
    const offences = Object.entries(layers.testRooms).flatMap(([room, besides]) =>
      besides
        .filter((target) => layers.rooms[room]?.includes(target) || !importedBy(room, isTest).has(target))
        .map((target) => `${room}: ${target}`),
    )
    expect(offences).toEqual([])
  })

  it('lets no product code import what is made for tests', () => {
    const offences = sources
      .filter(({ path }) => !isTest(path))
      .flatMap(({ path, imports }) =>
        imports.filter((one) => isTest(one.replace(/(\.ts)?$/, '.ts'))).map((one) => `${path} imports ${one}`),
      )
    expect(offences).toEqual([])
  })

  it('has no circle among rooms, with what their tests import neither', () => {
    const visit = (room: string, path: readonly string[]): readonly string[] =>
      path.includes(room)
        ? [[...path, room].join(' -> ')]
        : [...(layers.rooms[room] ?? []), ...(layers.testRooms[room] ?? [])].flatMap((next) =>
            visit(next, [...path, room]),
          )
    expect(rooms.flatMap((room) => visit(room, []))).toEqual([])
  })

  it.each(Object.entries(layers.onlyIn))('keeps %s where it belongs', (name, { rooms: allowed, reason }) => {
    const offences = sources
      .filter((source) => source.imports.some((specifier) => specifier === name || specifier.startsWith(`${name}/`)))
      .filter((source) => !allowed.includes(roomOf(source.path) ?? ''))
      .map((source) => `${source.path} imports ${name}: ${reason}`)
    expect(offences).toEqual([])
  })

  it('reaches another room only through its package name', () => {
    const offences = sources.flatMap((source) =>
      source.imports
        .filter((specifier) => specifier.startsWith('.') && targetOf(source, specifier) !== roomOf(source.path))
        .filter((specifier) => !specifier.endsWith('package.json'))
        .map((specifier) => `${source.path} imports ${specifier}`),
    )
    expect(offences).toEqual([])
  })
})
