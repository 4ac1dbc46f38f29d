import { describe, expect, it } from 'vitest'
import { createApi } from './api-check.ts'
import type { ApiDocument } from './generate/discovery.ts'
import compute from './generated/compute.json' with { type: 'json' }
import { page, passes, project } from './list-query.ts'

const thing = {
  name: 'a',
  labels: { team: 'blue', 'machine-name': 'm' },
  tags: { items: ['x'] },
  scheduling: { preemptible: true },
}

describe('lists of the emulated cloud', () => {
  it.each([
    ['name = "a"', true],
    ['name = a', true],
    ['name != "a"', false],
    ['(labels.team:*) AND (labels.machine-name = "m")', true],
    ['(labels.team:*) AND (labels.other:*)', false],
    ['scheduling.preemptible = true', true],
    ['labels.team = "red"', false],
  ])('lets %s through: %s', (filter, expected) => {
    expect(passes(filter, thing)).toBe(expected)
  })

  it.each(['tags.items = "x"', 'tags.items:x', 'name ~ a', ''])('refuses %j, as the real one does', (filter) => {
    expect(() => passes(filter, thing)).toThrow(/Invalid list filter expression/)
  })

  it('gives page after page', () => {
    const all = Array.from({ length: 5 }, (_, index) => ({ name: `n${index}` }))
    const first = page(all, new URLSearchParams({ maxResults: '3' }))
    expect(first.items).toHaveLength(3)
    const second = page(all, new URLSearchParams({ maxResults: '3', pageToken: first.nextPageToken ?? '' }))
    expect(second).toEqual({ items: all.slice(3) })
  })

  it('gives the parts that are asked for', () => {
    const answer = {
      kind: 'k',
      nextPageToken: 't',
      items: { 'zones/a': { instances: [{ ...thing, id: '1' }], warning: {} } },
    }
    expect(project(answer, 'nextPageToken,items/*/instances(name,tags/items)')).toEqual({
      nextPageToken: 't',
      items: { 'zones/a': { instances: [{ name: 'a', tags: { items: ['x'] } }] } },
    })
  })
})

describe("the check against Google's description", () => {
  const api = createApi(compute as unknown as ApiDocument)
  const insert = api.match('POST', '/compute/v1/projects/p/zones/z/instances')
  const flaws = (body: unknown, query: Record<string, string> = {}) =>
    insert === undefined ? undefined : api.flawsOfRequest(insert, new URLSearchParams(query), body)

  it('knows methods by their paths', () => {
    expect(insert?.method.id).toBe('compute.instances.insert')
    expect(insert?.path).toEqual({ project: 'p', zone: 'z' })
    expect(api.match('POST', '/compute/v1/projects/p/zones/z/instances/i/reset')).toBeUndefined()
  })

  it.each([
    ['an unknown field', { colour: 'red' }],
    ['a field of another type', { canIpForward: 'yes' }],
    ['a value that is none of the known', { scheduling: { onHostMaintenance: 'EXPLODE' } }],
    ['an unknown field far below', { disks: [{ initializeParams: { colour: 'red' } }] }],
    ['a number where text belongs', { disks: [{ diskSizeGb: 5 }] }],
    ['a name that does not match', { name: 'Not A Name' }],
    ['no object', []],
  ])('finds %s', (_what, body) => {
    expect(flaws(body)).toHaveLength(1)
  })

  it('finds unknown parameters, and takes known ones', () => {
    expect(flaws({}, { colour: 'red' })).toEqual(['colour: no such parameter'])
    expect(flaws({}, { requestId: 'r', fields: 'name' })).toEqual([])
  })

  it('finds flaws of answers', () => {
    const get = api.match('GET', '/compute/v1/projects/p/zones/z/instances/i')
    expect(get === undefined ? [] : api.flawsOfAnswer(get, { status: 'ASLEEP', id: 5 })).toHaveLength(2)
  })
})
