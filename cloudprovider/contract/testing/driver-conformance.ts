import { describe as describeError, Failure, isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import type { MachineRequest } from '../src/driver.ts'
import { type DriverHarness, requestFor, type With } from './harness.ts'
import { describeLeftovers } from './leftover-conformance.ts'
import { describeSeveralServers } from './several-servers-conformance.ts'
import { describeUpdates } from './update-conformance.ts'
import { describeVolumes } from './volume-conformance.ts'

export type { DriverHarness } from './harness.ts'

/** A providerSpec that can never work, and the field that must be named. */
export interface InvalidSpec {
  readonly reason: string
  readonly change: Readonly<Record<string, unknown>>
  readonly field: string
}

/** Runs the law of the driver port against one driver. */
export function describeDriver(
  name: string,
  open: () => Promise<DriverHarness>,
  invalidSpecs: readonly InvalidSpec[],
): void {
  const withHarness = (work: (harness: DriverHarness) => Promise<void>) => async () => {
    await using harness = await open()
    await work(harness)
  }
  describe(`${name} keeps the law of the driver port`, () => {
    describeCreation(withHarness)
    describeDeletion(withHarness)
    describeListing(withHarness)
    describeSeveralServers(withHarness)
    describeLeftovers(withHarness)
    describeUpdates(withHarness)
    describeVolumes(withHarness)
    describeRefusals(withHarness, invalidSpecs)
  })
}

function describeCreation(withHarness: With): void {
  it(
    'makes a server that its status knows',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const made = await harness.elapse(() => harness.driver.createMachine(request))
      expect(made.providerId).toMatch(/^[a-z]+:\/\/\//)
      expect(made.nodeName).not.toBe('')
      const status = await untilVisible(harness, request)
      expect(status).toMatchObject({ providerId: made.providerId, nodeName: made.nodeName })
      const byId = await harness.elapse(() =>
        harness.driver.getMachineStatus({ ...request, providerId: made.providerId }),
      )
      expect(byId.providerId).toBe(made.providerId)
    }),
  )
  it(
    'makes one server however often it is asked, also after a restart and at the same time',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const made = await harness.elapse(() => harness.driver.createMachine(request))
      const again = await harness.elapse(() =>
        Promise.all([harness.restarted().createMachine(request), harness.driver.createMachine(request)]),
      )
      expect(again.map(({ providerId }) => providerId)).toEqual([made.providerId, made.providerId])
      expect(await harness.servers()).toBe(1)
    }),
  )
  it(
    'adopts the server of a creation whose answer was lost',
    withHarness(async (harness) => {
      if (harness.loseNextCreation === undefined) return
      const request = requestFor(harness, 'machine-a')
      harness.loseNextCreation()
      const failure = await failureOf(harness, () => harness.driver.createMachine(request))
      expect(isFailure(failure)).toBe(true)
      await harness.elapse(() => harness.restarted().createMachine(request))
      expect(await harness.servers()).toBe(1)
    }),
  )
  it(
    'initializes repeatedly without harm',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const made = await harness.elapse(() => harness.driver.createMachine(request))
      await untilVisible(harness, request)
      for (const _ of [1, 2]) {
        const initialized = await harness.elapse(() => harness.driver.initializeMachine(request))
        expect(initialized).toMatchObject({ providerId: made.providerId, initialized: true })
      }
    }),
  )
}

function describeDeletion(withHarness: With): void {
  it(
    'removes a server, and repeats are harmless',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const made = await harness.elapse(() => harness.driver.createMachine(request))
      await untilGone(harness, { ...request, providerId: made.providerId })
      await untilGone(harness, request)
      expect(await harness.servers()).toBe(0)
      const failure = await failureOf(harness, () => harness.driver.getMachineStatus(request))
      expect(isFailure(failure, 'NotFound'), describeError(failure)).toBe(true)
    }),
  )
  it(
    'removes by name alone, when the provider id was never learnt',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      await harness.elapse(() => harness.driver.createMachine(request))
      await untilGone(harness, request)
      expect(await harness.servers()).toBe(0)
    }),
  )
  it(
    'leaves other machines and other clusters alone',
    withHarness(async (harness) => {
      const keep = requestFor(harness, 'machine-b')
      const foreign = requestFor(harness, 'machine-a', 'two')
      const remove = requestFor(harness, 'machine-a')
      for (const request of [keep, foreign]) await harness.elapse(() => harness.driver.createMachine(request))
      await untilGone(harness, remove)
      expect(await harness.servers()).toBe(2)
    }),
  )
  it(
    'can make a machine of the same name again',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const first = await harness.elapse(() => harness.driver.createMachine(request))
      await untilGone(harness, request)
      const second = await harness.elapse(() => harness.driver.createMachine(request))
      expect(second.providerId === first.providerId).toBe(harness.reusesProviderIds ?? false)
      expect(await harness.servers()).toBe(1)
    }),
  )
}

function describeListing(withHarness: With): void {
  it(
    'lists its own cluster only',
    withHarness(async (harness) => {
      const mine = requestFor(harness, 'machine-a')
      const made = await harness.elapse(() => harness.driver.createMachine(mine))
      await harness.elapse(() => harness.driver.createMachine(requestFor(harness, 'machine-b', 'two')))
      await untilVisible(harness, mine)
      const listed = await harness.elapse(() => harness.driver.listMachines(mine))
      expect([...listed]).toEqual([[made.providerId, 'machine-a']])
    }),
  )
  it(
    'says NotFound for a machine without a server',
    withHarness(async (harness) => {
      const failure = await failureOf(harness, () => harness.driver.getMachineStatus(requestFor(harness, 'none')))
      expect(isFailure(failure, 'NotFound'), describeError(failure)).toBe(true)
    }),
  )
  it(
    'shows the console of a server, if it can',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      await harness.elapse(() => harness.driver.createMachine(request))
      await untilVisible(harness, request)
      const output = await harness.elapse(async () => harness.driver.getConsoleOutput?.(request, 10))
      if (harness.driver.getConsoleOutput !== undefined) expect(typeof output).toBe('string')
    }),
  )
}

function describeRefusals(withHarness: With, invalidSpecs: readonly InvalidSpec[]): void {
  it.each(invalidSpecs)('refuses $reason and names $field', async ({ change, field }) => {
    await withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const providerSpec: Record<string, unknown> = { ...harness.providerSpec('one'), ...change }
      for (const [key, value] of Object.entries(change)) if (value === undefined) delete providerSpec[key]
      const failure = await failureOf(harness, () => harness.driver.createMachine({ ...request, providerSpec }))
      expect(failure).toBeInstanceOf(Failure)
      expect(failure).toMatchObject({ kind: 'Invalid', field })
      expect(await harness.servers()).toBe(0)
    })()
  })
  it(
    'ends early when it is told to',
    withHarness(async (harness) => {
      const signal = AbortSignal.abort(new Failure('Unavailable', 'stopped by the test'))
      const failure = await failureOf(harness, () =>
        harness.driver.createMachine(requestFor(harness, 'machine-a'), { signal }),
      )
      expect(failure).toBe(signal.reason)
    }),
  )
}

async function failureOf(harness: DriverHarness, work: () => Promise<unknown>): Promise<unknown> {
  return harness.elapse(() =>
    work().then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
}

/** Clouds may show a server late: asks until it does. */
async function untilVisible(harness: DriverHarness, request: MachineRequest) {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return await harness.elapse(() => harness.driver.getMachineStatus(request))
    } catch (error) {
      if (!isFailure(error, 'NotFound')) throw error
    }
  }
  throw new Failure('NotFound', `${request.machineName} never became visible`)
}

/** Repeats the deletion until the driver says that nothing is left. */
async function untilGone(harness: DriverHarness, request: MachineRequest): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await harness.elapse(() => harness.driver.deleteMachine(request))) === 'gone') return
  }
  throw new Failure('Conflict', `${request.machineName} is never gone`)
}
