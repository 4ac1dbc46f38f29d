import { describe, expect, test } from 'vitest'
import { chooseStages, partsOf, testEnvironment, totalsOf } from './test.ts'

describe('the stages of a test run', () => {
  test('are all of them when none is named, in their own order', () => {
    expect(chooseStages([])).toEqual(['lint', 'types', 'unit', 'integration', 'system'])
    expect(chooseStages(['system', 'unit'])).toEqual(['unit', 'system'])
  })
  test('are refused by name when unknown', () => {
    expect(() => chooseStages(['speed'])).toThrowError(/"speed" is not a stage/)
  })
})

describe('the parts of a test run', () => {
  const directories = { assets: '/assets', opentofu: '/tofu', 'opentofu-providers': '/providers' }
  const parts = { assetsDirectory: '/assets', machineImages: [], images: {} }

  test('leave out what takes long where nothing needs it', () => {
    expect(partsOf(['unit', 'system'])).toEqual(['assets', 'machines'])
    expect(testEnvironment({ ...parts, directories: { assets: '/assets' } })).not.toHaveProperty('TRELLIS_OPENTOFU')
  })
  test('bring OpenTofu and its providers to integration tests', () => {
    expect(partsOf(['integration'])).toEqual(['assets', 'machines', 'opentofu', 'opentofu-providers'])
    expect(testEnvironment({ ...parts, directories })).toMatchObject({
      TRELLIS_OPENTOFU: '/tofu/bin/tofu',
      TRELLIS_OPENTOFU_PROVIDERS: '/providers',
    })
  })
})

describe('the totals of a report', () => {
  const passing = { fullName: 'adds', status: 'passed' }
  const failing = { fullName: 'subtracts', status: 'failed', failureMessages: ['expected 1\nto be 2'] }

  test('name each failed test with its message', () => {
    const report = {
      numPassedTests: 1,
      numFailedTests: 1,
      testResults: [{ name: 'sum.test.ts', status: 'failed', assertionResults: [passing, failing] }],
    }
    expect(totalsOf(report, 1)).toEqual({
      passed: 1,
      failed: 1,
      failures: ['sum.test.ts: subtracts\n     expected 1\n     to be 2'],
    })
  })
  test('name a file that could not be loaded', () => {
    const report = {
      numPassedTests: 0,
      numFailedTests: 0,
      testResults: [{ name: 'sum.test.ts', status: 'failed', message: 'no such module', assertionResults: [] }],
    }
    expect(totalsOf(report, 1)).toEqual({ passed: 0, failed: 1, failures: ['sum.test.ts\n     no such module'] })
  })
  test.each([
    ['a run that ended badly although its tests passed', 5, 1],
    ['a run without any test', 0, 0],
  ])('count %s as a failure', (_name, passed, code) => {
    expect(totalsOf({ numPassedTests: passed }, code)).toEqual({ passed, failed: 1, failures: [] })
  })
})
