import { describe } from 'vitest'
import { itSurvivesCrashes } from './crash-points.ts'

describe('the simulation, crash by crash', () => itSurvivesCrashes(1, 1))
