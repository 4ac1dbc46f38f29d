import { expect, it } from 'vitest'
import { type Outcome, type Outcomes, type Tally, tooRare } from './outcomes.ts'
import { runScript, type Script, scriptOf } from './run.ts'

/** Lines of a failing run that are shown. */
const shownLines = 150

/** Runs a script and fails with everything that is needed to understand and to repeat it. Returns what came about. */
export async function expectToHold(script: Script): Promise<Outcomes> {
  const { breach, outcomes } = await runScript(script)
  if (breach === undefined) return outcomes
  const { trace } = await runScript(script, { traces: true })
  const again = `TRELLIS_SEED=${script.seed} vitest run --project unit mcm/testing/simulation/simulation.test.ts`
  const lines = trace.slice(-shownLines)
  return expect.fail(
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

/** One test of several seeds: a test for each would cost more than most of them take. Returns in how many runs what came about, as far as they have run. */
export function itHoldsFor(from: number, count: number): Tally {
  const batch = 25
  const tally: Tally = new Map()
  for (let first = from; first < from + count; first += batch) {
    const last = Math.min(first + batch, from + count) - 1
    it(`keeps its promises with the seeds ${first} to ${last}`, { timeout: 120_000 }, async () => {
      for (let seed = first; seed <= last; seed++) {
        const outcomes = await expectToHold(scriptOf(String(seed)))
        for (const outcome of Object.keys(outcomes) as Outcome[]) tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
      }
    })
  }
  return tally
}

/** Seeds of one of the files that share the work. */
export function itHoldsForShare(share: number, shares: number): void {
  const all = Number(process.env.TRELLIS_SEEDS ?? 2000)
  const size = Math.ceil(all / shares)
  const tally = itHoldsFor(1000 + share * size, size)
  it('meets all that is worth meeting often enough', () => expect(tooRare(tally, size)).toEqual([]))
}
