import { describe } from 'vitest'
import { itHoldsForShare } from './seeds.ts'

describe('the simulation, share 4 of 4', () => itHoldsForShare(3, 4))
