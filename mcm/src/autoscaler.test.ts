import { describe } from 'vitest'
import { testAutoscalerContract } from '../testing/autoscaler-conformance.ts'
import { createVirtualHarness } from '../testing/autoscaler-harness.ts'

describe('the contract with gardener/autoscaler in virtual time', () =>
  testAutoscalerContract(() => createVirtualHarness()))
