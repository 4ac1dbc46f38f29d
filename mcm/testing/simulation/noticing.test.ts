import { describe, expect, it } from 'vitest'
import { noFaults } from './faults.ts'
import { harms, peace, preserving, subjects } from './harms.ts'
import { runScript, type Script, type Step } from './run.ts'

describe('the simulation', () => {
  it('finds nothing wrong where nothing is', async () => {
    expect((await runScript(peace)).breach?.message).toBeUndefined()
  })

  it.each(
    subjects.map((steps) => ({
      steps,
      name: steps.map((step) => step.do).join(', '),
    })),
  )('finds nothing wrong with $name', { timeout: 60_000 }, async ({ steps }) => {
    expect((await runScript({ ...peace, steps })).breach?.message).toBeUndefined()
  })

  it.each(harms)('notices $harm: $promise', { timeout: 60_000 }, async ({ promise, steps, says = '', ...options }) => {
    const { breach } = await runScript({ ...peace, steps: steps ?? peace.steps }, options)
    expect(breach?.invariant).toBe(promise)
    expect(breach?.message).toContain(says)
  })

  it('meets a machine that recovers while it is preserved', async () => {
    const steps: readonly Step[] = [...preserving, { at: 700, do: 'ready-node', pick: 0, ready: true }]
    const { breach, outcomes } = await runScript({ ...peace, steps })
    expect(breach?.message).toBeUndefined()
    expect(outcomes).toMatchObject({ 'preserved by a user': 1, 'recovered while preserved': 1 })
  })

  it('repeats itself for the same seed', async () => {
    const script: Script = { ...peace, seed: 'again', rates: { ...noFaults, crash: 0.02, requestFailure: 0.1 } }
    const [first, second] = [await runScript(script, { traces: true }), await runScript(script, { traces: true })]
    expect(first.trace.length).toBeGreaterThan(50)
    expect(second.trace).toEqual(first.trace)
  })
})
