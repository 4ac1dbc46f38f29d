import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ancestors, defineFlow, unreadOutputs } from './define-flow.ts'
import { defineOutput } from './output.ts'
import type { Task } from './task.ts'

function task(id: string, dependsOn: readonly string[] = [], more: Partial<Task<null>> = {}): Task<null> {
  return { id, dependsOn, run: async () => {}, ...more }
}

const number = defineOutput('a', (value) => value as number)

describe('defineFlow', () => {
  it.each([
    { name: 'a duplicate id', tasks: [task('a'), task('a')], says: 'flow f: task a is defined twice' },
    { name: 'an unknown dependency', tasks: [task('a', ['b'])], says: 'task a depends on b, which is not in the flow' },
    { name: 'a task that depends on itself', tasks: [task('a', ['a'])], says: 'depends on itself: a → a' },
    {
      name: 'a cycle, with its path',
      tasks: [task('x'), task('a', ['x', 'c']), task('b', ['a']), task('c', ['b'])],
      says: 'depends on itself: a → c → b → a',
    },
    {
      name: 'an output read without depending on its task',
      tasks: [task('a', [], { produces: number }), task('b', [], { consumes: [number] })],
      says: 'task b reads the output of a without depending on it',
    },
    {
      name: 'an output that nobody produces',
      tasks: [task('a'), task('b', ['a'], { consumes: [number] })],
      says: 'task b reads the output of a, which produces none',
    },
    {
      name: "an output under another task's name",
      tasks: [task('b', [], { produces: number })],
      says: 'task b produces the output of a',
    },
  ])('refuses $name', ({ tasks, says }) => {
    expect(() => defineFlow('f', tasks)).toThrow(says)
  })

  it('orders every graph without cycles so that each task follows all that it depends on', () => {
    const graphs = fc.array(fc.array(fc.nat(1000), { maxLength: 4 }), { maxLength: 12 }).chain((edges) =>
      fc.tuple(
        fc.constant(edges),
        fc.shuffledSubarray(
          edges.map((_, index) => index),
          { minLength: edges.length },
        ),
      ),
    )
    fc.assert(
      fc.property(graphs, ([edges, order]) => {
        const dependsOn = (index: number) =>
          index === 0 ? [] : [...new Set((edges[index] ?? []).map((draw) => `t${draw % index}`))]
        const flow = defineFlow(
          'f',
          order.map((index) => task(`t${index}`, dependsOn(index))),
        )
        const seen = new Set<string>()
        for (const one of flow.tasks) {
          expect(one.dependsOn.every((id) => seen.has(id))).toBe(true)
          seen.add(one.id)
        }
        expect(seen.size).toBe(edges.length)
      }),
    )
  })

  it('finds what lies before a task on any path', () => {
    const flow = defineFlow('f', [task('d', ['b', 'c']), task('b', ['a']), task('c'), task('a')])
    expect([...(ancestors(flow.tasks).get('d') ?? [])].sort()).toEqual(['a', 'b', 'c'])
  })

  it('names outputs that nobody reads', () => {
    expect(unreadOutputs(defineFlow('f', [task('a', [], { produces: number }), task('b', ['a'])]))).toEqual(['a'])
    expect(
      unreadOutputs(defineFlow('f', [task('a', [], { produces: number }), task('b', ['a'], { consumes: [number] })])),
    ).toEqual([])
  })
})
