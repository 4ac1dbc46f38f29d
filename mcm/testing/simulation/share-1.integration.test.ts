import { describe } from 'vitest'
import { itHoldsForShare } from './seeds.ts'

describe('the simulation, share 1 of 4', () => itHoldsForShare(0, 4))
