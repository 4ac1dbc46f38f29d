import type { CommandRunner } from '@trellis/foundation/command'
import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { findGo, findModuleProxy, firstHttp, isNewEnough } from './go-toolchain.ts'

test('the first new enough toolchain is found, in PATH or where it is usually put', async () => {
  const runner = createFakeRunner({
    '/usr/bin/go': () => ({ stdout: 'go version go1.19.8 linux/amd64\n' }),
    '/usr/local/go/bin/go': () => ({ stdout: 'go version go1.26.8 linux/amd64\n' }),
  })
  expect(await findGo(runner, { PATH: '/bin:/usr/bin' })).toEqual({
    program: '/usr/local/go/bin/go',
    version: 'go1.26.8',
  })
})

test('there is none on a host without Go or with an old one', async () => {
  const runner = createFakeRunner({ '/usr/bin/go': () => ({ stdout: 'go version go1.19.8 linux/amd64\n' }) })
  expect(await findGo(runner, { PATH: '/usr/bin' })).toBeUndefined()
  expect(await findGo(createFakeRunner(), {})).toBeUndefined()
})

test.each([
  ['go1.26', true],
  ['go1.26.8', true],
  ['go1.27rc1', true],
  ['go2.0', true],
  ['go1.25.9', false],
  ['go1.9', false],
])('%s is new enough: %s', (version, expected) => {
  expect(isNewEnough(version)).toBe(expected)
})

test.each([
  [undefined, undefined],
  ['off', undefined],
  ['direct', undefined],
  ['https://modules.example.org/,direct', 'https://modules.example.org'],
  ['direct|http://localhost:3000\n', 'http://localhost:3000'],
])('the first proxy of %s is %s', (list, expected) => {
  expect(firstHttp(list)).toBe(expected)
})

test('without GOPROXY the proxy is the one that Go takes by itself', async () => {
  const asked: string[] = []
  const runner: CommandRunner = {
    run: async (program, args) => {
      asked.push([program, ...args].join(' '))
      const stdout = program === 'go' ? 'https://modules.example.org,direct\n' : ''
      return { code: 0, stdout, stderr: '' }
    },
  }
  expect(await findModuleProxy(runner, undefined, () => {})).toBe('https://modules.example.org')
  expect(asked.at(-1)).toBe('go env GOPROXY')
  const silent: CommandRunner = { run: async () => ({ code: 0, stdout: 'off\n', stderr: '' }) }
  await expect(findModuleProxy(silent, 'direct', () => {})).rejects.toMatchObject({ kind: 'Invalid', field: 'GOPROXY' })
})
