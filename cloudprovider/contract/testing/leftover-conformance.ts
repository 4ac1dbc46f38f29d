import { isFailure } from '@trellis/foundation/failure'
import { expect, it } from 'vitest'
import type { Leftover } from '../src/driver.ts'
import { type DriverHarness, requestFor, type With } from './harness.ts'

/** The part of the law that concerns what servers leave behind. Drivers without the capability have it absent altogether. */
export function describeLeftovers(withHarness: With): void {
  it(
    'can both list and delete leftovers, or neither',
    withHarness(async ({ driver, leaveBehind }) => {
      expect(driver.listLeftovers === undefined).toBe(driver.deleteLeftover === undefined)
      expect(driver.listLeftovers === undefined, 'the harness can make what the driver can list').toBe(
        leaveBehind === undefined,
      )
    }),
  )
  it(
    'lists leftovers of its own cluster only, with the machine that they were made for',
    withHarness(async (harness) => {
      await harness.leaveBehind?.('machine-a', 'one')
      await harness.leaveBehind?.('machine-b', 'two')
      expect((await listed(harness)).map(({ machineName }) => machineName)).toEqual(
        harness.leaveBehind === undefined ? [] : ['machine-a'],
      )
    }),
  )
  it(
    'does not list what belongs to a server',
    withHarness(async (harness) => {
      await harness.elapse(() => harness.driver.createMachine(requestFor(harness, 'machine-a')))
      expect(await listed(harness)).toEqual([])
    }),
  )
  it(
    'deletes leftovers one by one, and repeats are harmless',
    withHarness(async (harness) => {
      await harness.leaveBehind?.('machine-a', 'one')
      await harness.leaveBehind?.('machine-b', 'one')
      const [first, ...others] = await listed(harness)
      if (first === undefined) return
      await untilDeleted(harness, first)
      await untilDeleted(harness, first)
      expect(await listed(harness)).toEqual(others)
    }),
  )
  it(
    'removes what was left of a machine with the machine',
    withHarness(async (harness) => {
      await harness.leaveBehind?.('machine-a', 'one')
      for (let tries = 0; tries < 100; tries++) {
        const outcome = await harness.elapse(() => harness.driver.deleteMachine(requestFor(harness, 'machine-a')))
        if (outcome === 'gone') break
      }
      expect(await listed(harness)).toEqual([])
    }),
  )
  it(
    'refuses to delete for one cluster what another owns',
    withHarness(async (harness) => {
      await harness.leaveBehind?.('machine-b', 'two')
      const [foreign] = await listed(harness, 'two')
      if (foreign === undefined) return
      const failure = await harness.elapse(() =>
        remove(harness, foreign).then(
          () => undefined,
          (error: unknown) => error,
        ),
      )
      expect(isFailure(failure, 'Conflict'), String(failure)).toBe(true)
      expect(await listed(harness, 'two')).toHaveLength(1)
    }),
  )
}

async function listed(harness: DriverHarness, cluster = 'one'): Promise<readonly Leftover[]> {
  const settings = requestFor(harness, '', cluster)
  return (await harness.elapse(async () => harness.driver.listLeftovers?.(settings))) ?? []
}

async function remove(harness: DriverHarness, leftover: Leftover) {
  return harness.driver.deleteLeftover?.(requestFor(harness, ''), leftover)
}

async function untilDeleted(harness: DriverHarness, leftover: Leftover): Promise<void> {
  let outcome: unknown
  for (let tries = 0; tries < 100 && outcome !== 'gone'; tries++) {
    outcome = await harness.elapse(() => remove(harness, leftover))
  }
  expect(outcome).toBe('gone')
}
