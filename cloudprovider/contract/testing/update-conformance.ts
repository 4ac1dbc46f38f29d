import { Failure, isFailure } from '@trellis/foundation/failure'
import { expect, it } from 'vitest'
import type { CreateMachineRequest, MachineRequest } from '../src/driver.ts'
import { type DriverHarness, requestFor, type With } from './harness.ts'

/** The part of the law that concerns fields that change on servers while they run. Drivers without the capability have it absent altogether. */
export function describeUpdates(withHarness: With): void {
  it(
    'can change servers and says what on them, or neither',
    withHarness(async ({ driver, mutable, providerSpec }) => {
      expect(driver.updateMachine === undefined).toBe(driver.mutableFields === undefined)
      expect(mutable === undefined, 'the harness can show what the driver can change').toBe(
        driver.updateMachine === undefined,
      )
      const roots = (driver.mutableFields ?? []).map((path) => path.split('.')[0])
      const touched = Object.keys(mutable?.change ?? {})
      expect(roots).toEqual(expect.arrayContaining(touched))
      if (driver.mutableFields === undefined) return
      expect(touched.length).toBeGreaterThan(0)
      expect({ ...providerSpec('one'), ...mutable?.change }).not.toEqual(providerSpec('one'))
    }),
  )
  it(
    'changes one server and no other, there and back, and repeats are harmless',
    withHarness(async (harness) => {
      if (harness.mutable === undefined) return
      const request = requestFor(harness, 'machine-a')
      const others = [requestFor(harness, 'machine-b'), requestFor(harness, 'machine-a', 'two')]
      for (const one of [request, ...others]) await harness.elapse(() => harness.driver.createMachine(one))
      const before = await fieldsOf(harness)
      const made = await untilUpdated(harness, changed(harness, request))
      const after = await fieldsOf(harness)
      expect(after.slice(1)).toEqual(before.slice(1))
      expect(after[0]).not.toEqual(before[0])
      await untilUpdated(harness, { ...changed(harness, request), providerId: made.providerId })
      expect(await fieldsOf(harness)).toEqual(after)
      await untilUpdated(harness, request)
      expect(await fieldsOf(harness)).toEqual(before)
      expect(await harness.servers()).toBe(3)
    }),
  )
  it(
    'leaves the server the one that it was',
    withHarness(async (harness) => {
      if (harness.mutable === undefined) return
      const request = requestFor(harness, 'machine-a')
      const made = await harness.elapse(() => harness.driver.createMachine(request))
      const after = await untilUpdated(harness, changed(harness, request))
      expect(after).toMatchObject({ providerId: made.providerId, nodeName: made.nodeName })
      const listed = await harness.elapse(() => harness.driver.listMachines(request))
      expect([...listed]).toEqual([[made.providerId, 'machine-a']])
    }),
  )
  it(
    'brings a server that it adopts up to the class',
    withHarness(async (harness) => {
      if (harness.mutable === undefined) return
      const request = requestFor(harness, 'machine-a')
      await harness.elapse(() => harness.driver.createMachine(changed(harness, request)))
      const wanted = await harness.mutable.fields('machine-a', 'one')
      await untilUpdated(harness, request)
      await harness.elapse(() => harness.restarted().createMachine(changed(harness, request)))
      expect(await harness.mutable.fields('machine-a', 'one')).toEqual(wanted)
      expect(await harness.servers()).toBe(1)
    }),
  )
  it(
    'says Conflict of a machine with several servers, and changes none',
    withHarness(async (harness) => {
      if (harness.mutable === undefined || harness.duplicate === undefined) return
      const request = requestFor(harness, 'machine-a')
      await harness.elapse(() => harness.driver.createMachine(request))
      await harness.duplicate('machine-a')
      await untilSeveral(harness, request)
      const before = await harness.mutable.fields('machine-a', 'one')
      const failure = await harness.elapse(async () =>
        harness.driver.updateMachine?.(changed(harness, request)).catch((error: unknown) => error),
      )
      expect(isFailure(failure, 'Conflict'), String(failure)).toBe(true)
      expect(await harness.mutable.fields('machine-a', 'one')).toEqual(before)
    }),
  )
  it(
    'says NotFound when there is no server to change, also when another cluster has one of that name',
    withHarness(async (harness) => {
      if (harness.mutable === undefined) return
      await harness.elapse(() => harness.driver.createMachine(requestFor(harness, 'machine-a', 'two')))
      const before = await harness.mutable.fields('machine-a', 'two')
      const failure = await harness.elapse(async () =>
        harness.driver.updateMachine?.(requestFor(harness, 'machine-a')).then(
          () => undefined,
          (error: unknown) => error,
        ),
      )
      expect(isFailure(failure, 'NotFound'), String(failure)).toBe(true)
      expect(await harness.mutable.fields('machine-a', 'two')).toEqual(before)
    }),
  )
}

function changed(harness: DriverHarness, request: CreateMachineRequest): CreateMachineRequest {
  return { ...request, providerSpec: { ...harness.providerSpec('one'), ...harness.mutable?.change } }
}

/** The mutable fields of all three servers of a test, that of `machine-a` first. */
async function fieldsOf({ mutable }: DriverHarness): Promise<readonly unknown[]> {
  const servers = [
    ['machine-a', 'one'],
    ['machine-b', 'one'],
    ['machine-a', 'two'],
  ] as const
  return Promise.all(servers.map(([machineName, cluster]) => mutable?.fields(machineName, cluster)))
}

/** Clouds may show a server late: asks until it can be changed, and answers with its status. */
async function untilUpdated(harness: DriverHarness, request: MachineRequest) {
  for (let tries = 0; ; tries++) {
    try {
      await harness.elapse(async () => harness.driver.updateMachine?.(request))
      return await harness.elapse(() => harness.driver.getMachineStatus(request))
    } catch (error) {
      if (tries === 100 || !isFailure(error, 'NotFound')) throw error
    }
  }
}

/** Asks until the cloud shows that the machine has several servers. */
async function untilSeveral({ driver, elapse }: DriverHarness, request: MachineRequest): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await elapse(() => driver.getMachineStatus(request).catch((error: unknown) => error))
    if (isFailure(answer, 'Conflict')) return
  }
  throw new Failure('Conflict', `the cloud never shows that ${request.machineName} has several servers`)
}
