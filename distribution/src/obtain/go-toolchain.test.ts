import { expect, test } from 'vitest'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { findGo, isNewEnough, moduleProxy } from './go-toolchain.ts'

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
  [undefined, 'https://modules.example.org'],
  ['off', 'https://modules.example.org'],
  ['direct', 'https://modules.example.org'],
  ['https://modules.example.org/,direct', 'https://modules.example.org'],
  ['direct|http://localhost:3000', 'http://localhost:3000'],
])('the proxy of GOPROXY=%s is %s', (list, expected) => {
  expect(moduleProxy(list)).toBe(expected)
})
