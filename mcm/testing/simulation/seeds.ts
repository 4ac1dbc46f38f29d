import { expect, it } from 'vitest'
import { runScript, type Script, scriptOf } from './run.ts'

/** Lines of a failing run that are shown. */
const shownLines = 150

/** Runs a script and fails with everything that is needed to understand and to repeat it. */
export async function expectToHold(script: Script): Promise<void> {
  const { breach } = await runScript(script)
  if (breach === undefined) return
  const { trace } = await runScript(script, { traces: true })
  const again = `TRELLIS_SEED=${script.seed} vitest run --project unit mcm/testing/simulation/simulation.test.ts`
  const lines = trace.slice(-shownLines)
  expect.fail(
    [
      `seed ${script.seed}: ${breach.message}`,
      `run it again: ${again}`,
      `faults: ${JSON.stringify(script.rates)}`,
      `cloud: ${JSON.stringify(script.cloud)}`,
      `the last ${lines.length} of ${trace.length} things that happened:`,
      ...lines,
    ].join('\n'),
  )
}

/** One test of several seeds: a test for each would cost more than most of them take. */
export function itHoldsFor(from: number, count: number): void {
  const batch = 25
  for (let first = from; first < from + count; first += batch) {
    const last = Math.min(first + batch, from + count) - 1
    it(`keeps its promises with the seeds ${first} to ${last}`, { timeout: 120_000 }, async () => {
      for (let seed = first; seed <= last; seed++) await expectToHold(scriptOf(String(seed)))
    })
  }
}

/** Seeds of one of the files that share the work. */
export function itHoldsForShare(share: number, shares: number): void {
  const all = Number(process.env.TRELLIS_SEEDS ?? 2000)
  const size = Math.ceil(all / shares)
  itHoldsFor(1000 + share * size, size)
}
