import { describe, it } from 'vitest'
import { itSurvivesCrashes } from './crash-points.ts'
import { scriptOf } from './run.ts'
import { expectToHold, itHoldsFor } from './seeds.ts'

const chosen = process.env.TRELLIS_SEED

describe('the simulation', () => {
  if (chosen === undefined) {
    itHoldsFor(0, 40)
    itSurvivesCrashes(3, 9)
  } else it(`keeps its promises with the seed ${chosen}`, { timeout: 120_000 }, () => expectToHold(scriptOf(chosen)))
})
