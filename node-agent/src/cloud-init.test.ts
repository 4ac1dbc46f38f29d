import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { awaitCloudInit, parseCloudInit } from './cloud-init.ts'
import { createDisk } from './disk.ts'

const ended = { finished: 1767225612.5, recoverable_errors: {} }
const stages = (changes: object = {}) =>
  JSON.stringify({
    v1: { datasource: 'DataSourceNoCloud', stage: null, init: ended, 'modules-final': { ...ended, ...changes } },
  })
const result = (errors: readonly string[]) => JSON.stringify({ v1: { datasource: 'DataSourceNoCloud', errors } })

describe('parseCloudInit', () => {
  it.each([
    {
      reason: 'all went well',
      result: result([]),
      stages: stages(),
      expected: { state: 'done', finishedAt: '2026-01-01T00:00:12.500Z' },
    },
    {
      reason: 'a module failed',
      result: result(["('scripts_user', RuntimeError('Runparts: 1 failures'))"]),
      stages: stages(),
      expected: { state: 'error', errors: ["('scripts_user', RuntimeError('Runparts: 1 failures'))"] },
    },
    {
      reason: 'there are complaints',
      result: result([]),
      stages: stages({ recoverable_errors: { WARNING: ['Unhandled non-multipart userdata'] } }),
      expected: { state: 'degraded', errors: ['Unhandled non-multipart userdata'] },
    },
    { reason: 'nothing can be read', result: 'x', stages: '[]', expected: { state: 'done' } },
  ])('says how it went: $reason', ({ result: text, stages: how, expected }) => {
    expect(parseCloudInit(text, how)).toMatchObject(expected)
  })

  it('keeps few and short errors', () => {
    const { errors = [] } = parseCloudInit(result(Array.from({ length: 9 }, () => 'e'.repeat(999))), '')
    expect(errors.map(({ length }) => length)).toEqual([300, 300, 300, 300, 300])
  })
})

it('waits for the result', async () => {
  await using directory = await createTemporaryDirectory()
  const disk = createDisk(directory.path)
  const found = awaitCloudInit(disk, new AbortController().signal)
  await disk.write('/run/cloud-init/status.json', stages(), 0o644)
  await disk.write('/run/cloud-init/result.json', result([]), 0o644)
  expect((await found).state).toBe('done')
})
