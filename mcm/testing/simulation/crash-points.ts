import { expect, it } from 'vitest'
import { noFaults } from './faults.ts'
import { runScript, type Script } from './run.ts'
import { expectToHold } from './seeds.ts'

/** A life of machines without any trouble: growth, a rollout, shrinkage, the end. */
export const quietLife: Script = {
  seed: 'quiet-life',
  rates: noFaults,
  cloud: { createMilliseconds: 5000, deleteMilliseconds: 1000, needsInitialization: true },
  joinMilliseconds: 5000,
  steps: [
    { at: 0, do: 'create-deployment', name: 'alpha', replicas: 1 },
    { at: 1, do: 'app', name: 'app-0', replicas: 2 },
    { at: 60, do: 'scale', name: 'alpha', replicas: 2 },
    { at: 120, do: 'roll', name: 'alpha', machineClass: 'large' },
    { at: 300, do: 'scale', name: 'alpha', replicas: 1 },
    { at: 360, do: 'delete-machine', pick: 0 },
    { at: 420, do: 'break-watches' },
  ],
}

/** Loses the process once, before and after every `stride`th of all its writes: whatever is left half done is taken up again. */
export function itSurvivesCrashes(first: number, stride: number): void {
  it('survives the loss of the process at any write', { timeout: 900_000 }, async () => {
    const { writes, breach } = await runScript(quietLife)
    expect(breach?.message).toBeUndefined()
    expect(writes).toBeGreaterThan(40)
    for (let write = first; write <= writes; write += stride) {
      for (const moment of ['before', 'after'] as const) {
        await expectToHold({
          ...quietLife,
          seed: `quiet-life, lost ${moment} write ${write}`,
          crashAt: { write, moment },
        })
      }
    }
  })
}
