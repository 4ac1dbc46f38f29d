import { describe } from 'vitest'
import { itHoldsForShare } from './seeds.ts'

describe('the simulation, share 2 of 4', () => itHoldsForShare(1, 4))
