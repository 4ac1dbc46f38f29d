import { describe, expect, it } from 'vitest'
import { readScenarios } from './scenario.ts'
import { expectToHold } from './seeds.ts'

const scenarios = readScenarios()

describe('scenarios that once broke a promise', () => {
  it('are there', () => expect(scenarios.length).toBeGreaterThan(5))

  it.each(scenarios)('$name', { timeout: 60_000 }, async (scenario) => {
    await expectToHold(scenario)
  })
})
