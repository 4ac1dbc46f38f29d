import { describe } from 'vitest'
import { itHoldsForShare } from './seeds.ts'

describe('the simulation, share 3 of 4', () => itHoldsForShare(2, 4))
