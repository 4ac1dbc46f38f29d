import { describe, expect, it } from 'vitest'
import { cpuSecondsIn, residentMebibytesIn } from '../process-cost.ts'
import { samplesOf, sumOf } from './metrics-text.ts'
import { readOptions } from './options.ts'
import { difference, flowSchemasOf } from './requests.ts'

const page = `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",resource="a b",verb="GET"} 12
requests_total{code="404",resource="x\\"}y",verb="GET"} 1.5e+01
requests_total_more{code="200"} 1000
plain 7
`

describe('a page of metrics', () => {
  it('is read sample by sample', () => {
    expect(samplesOf(page, 'requests_total')).toEqual([
      { labels: { code: '200', resource: 'a b', verb: 'GET' }, value: 12 },
      { labels: { code: '404', resource: 'x\\"}y', verb: 'GET' }, value: 15 },
    ])
  })

  it.each<{ reason: string; metric: string; labels: Readonly<Record<string, string>>; sum: number }>([
    { reason: 'all of a metric', metric: 'requests_total', labels: {}, sum: 27 },
    { reason: 'those with a label', metric: 'requests_total', labels: { code: '404' }, sum: 15 },
    { reason: 'a metric without labels', metric: 'plain', labels: {}, sum: 7 },
    { reason: 'a metric that is not there', metric: 'requests', labels: {}, sum: 0 },
  ])('is summed: $reason', ({ metric, labels, sum }) => {
    expect(sumOf(page, metric, labels)).toBe(sum)
  })
})

describe('what the kernel tells of a process', () => {
  it('is read in spite of blanks and parentheses in its name', () => {
    const rest = ['S', ...Array.from({ length: 10 }, () => '0'), '250', '50', '9', '9'].join(' ')
    expect(cpuSecondsIn(`42 (a) b) ${rest}`)).toBe(3)
  })

  it('is refused when it is something else', () => {
    expect(() => cpuSecondsIn('42 (node) S')).toThrow(expect.objectContaining({ kind: 'Invalid' }))
    expect(() => residentMebibytesIn('Name: node')).toThrow(expect.objectContaining({ kind: 'Invalid' }))
  })

  it('gives memory in MiB', () => {
    expect(residentMebibytesIn('VmPeak:\t 9999 kB\nVmRSS:\t  2048 kB\n')).toBe(2)
  })
})

describe('requests', () => {
  it('are told apart by flows of which the manager’s is the last', () => {
    expect(flowSchemasOf().map(({ name }) => name)).toEqual(['bench-leases', 'bench-kubelets', 'bench-manager'])
    const ranks = flowSchemasOf().map(({ spec }) => (spec as { matchingPrecedence: number }).matchingPrecedence)
    expect(ranks).toEqual([...ranks].sort((left, right) => left - right))
  })

  it('are listed by what was added', () => {
    const before = new Map([
      ['GET nodes', 3],
      ['PUT machines', 1],
    ])
    const after = new Map([...before, ['PUT machines', 5], ['POST events', 9]])
    expect(difference(before, after)).toEqual({ 'POST events': 9, 'PUT machines': 4 })
  })
})

describe('options', () => {
  it('are all parts in full size unless told', () => {
    expect(readOptions([])).toMatchObject({ fleet: 1000, rolling: 200, parts: expect.arrayContaining(['scaling']) })
  })

  it('may be less', () => {
    const options = readOptions(['--quick', '--parts', 'delete,fleet', '--machines', '7', '--sizes', '5,9'])
    expect(options).toMatchObject({ fleet: 7, rolling: 20, scaling: [5, 9], parts: ['delete', 'fleet'] })
  })

  it.each([
    { args: ['--parts', 'all'], field: '--parts' },
    { args: ['--machines', '1.5'], field: '--machines' },
    { args: ['--sizes', '5,'], field: '--sizes' },
  ])('name what is wrong in $args', ({ args, field }) => {
    expect(() => readOptions(args)).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })
})
