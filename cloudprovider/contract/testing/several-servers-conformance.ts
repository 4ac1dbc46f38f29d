import { Failure, isFailure } from '@trellis/foundation/failure'
import { expect, it } from 'vitest'
import type { ServerRequest } from '../src/driver.ts'
import { type DriverHarness, requestFor, type With } from './harness.ts'

/** The part of the law that concerns machines with several servers, and the capability to delete one of them. */
export function describeSeveralServers(withHarness: With): void {
  it(
    'deletes one of two servers and keeps the other, and repeats are harmless',
    withHarness(async (harness) => {
      if (harness.duplicate === undefined || harness.driver.deleteServer === undefined) return
      const request = requestFor(harness, 'machine-a')
      const { providerId } = await harness.elapse(() => harness.driver.createMachine(request))
      const second = await harness.duplicate('machine-a')
      await untilListed(harness, 2)
      const doubted = await harness.elapse(() =>
        harness.driver.getMachineStatus(request).catch((error: unknown) => error),
      )
      expect(isFailure(doubted, 'Conflict')).toBe(true)
      for (const _ of [1, 2]) await untilServerGone(harness, { ...request, providerId: second })
      expect(await harness.servers()).toBe(1)
      await untilListed(harness, 1)
      expect((await harness.elapse(() => harness.driver.getMachineStatus(request))).providerId).toBe(providerId)
    }),
  )
  it(
    'deletes every server with its machine',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      await harness.elapse(() => harness.driver.createMachine(request))
      await harness.duplicate?.('machine-a')
      for (let tries = 0; tries < 100; tries++)
        if ((await harness.elapse(() => harness.driver.deleteMachine(request))) === 'gone') break
      expect(await harness.servers()).toBe(0)
    }),
  )
  it(
    'deletes no server under the name of another machine, in another cluster, or without its exact id',
    withHarness(async (harness) => {
      const request = requestFor(harness, 'machine-a')
      const { providerId } = await harness.elapse(() => harness.driver.createMachine(request))
      const wrong: readonly ServerRequest[] = [
        { ...requestFor(harness, 'machine-b'), providerId },
        { ...requestFor(harness, 'machine-a', 'two'), providerId },
        { ...request, providerId: `${providerId}0` },
        { ...request, providerId: '' },
      ]
      for (const one of wrong) await untilServerGone(harness, one)
      expect(await harness.servers()).toBe(1)
    }),
  )
}

async function untilServerGone({ driver, elapse }: DriverHarness, request: ServerRequest): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await elapse(async () => driver.deleteServer?.(request) ?? 'gone')) === 'gone') return
  }
  throw new Failure('Conflict', `${request.providerId} is never gone`)
}

/** Clouds may show servers, and that they are gone, late. */
async function untilListed({ driver, elapse, ...harness }: DriverHarness, count: number): Promise<void> {
  const settings = { providerSpec: harness.providerSpec('one'), secret: harness.secret }
  for (let tries = 0; tries < 100; tries++) {
    if ((await elapse(() => driver.listMachines(settings))).size === count) return
  }
  throw new Failure('Conflict', `the cloud never shows ${count} servers`)
}
