import { describe, expect, it } from 'vitest'
import { chooseEngine } from './choose-engine.ts'

describe('the engine of a Shoot', () => {
  it.each([
    ['a new one gets the configured', undefined, 'opentofu', 'opentofu'],
    ['a new one gets the configured', undefined, 'sdk', 'sdk'],
    ['one that OpenTofu began stays with it', { engine: 'opentofu' }, 'sdk', 'opentofu'],
    ['one that the SDK began stays with it', { engine: 'sdk' }, 'opentofu', 'sdk'],
    ['one of before engines were noted stays on the SDK', { state: { vpc: 'vpc-1' } }, 'opentofu', 'sdk'],
  ] as const)('%s', (_what, infrastructure, forNewOnes, engine) => {
    const status = infrastructure === undefined ? {} : { infrastructure }
    expect(chooseEngine({ status }, forNewOnes)).toBe(engine)
  })
})
