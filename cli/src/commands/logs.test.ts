import { describe, expect, it } from 'vitest'
import { tunnelEndSource } from './logs.ts'

describe('tunnelEndSource', () => {
  const beside = {
    kind: 'pod' as const,
    target: '--seed' as const,
    namespace: 'shoot--local--first',
    workload: 'deployment/kube-apiserver',
    container: 'vpn-seed',
  }

  it('is beside the API server, or in pods of its own where there are any', () => {
    expect(tunnelEndSource(beside, false)).toEqual(beside)
    expect(tunnelEndSource(beside, true)).toEqual({ ...beside, workload: 'deployment/vpn-seed' })
  })
})
