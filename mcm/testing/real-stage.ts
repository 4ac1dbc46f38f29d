import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom, type Random } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { phaseOf } from '../src/machine/phase.ts'
import { type MachineCluster, startMachineCluster } from './machine-cluster.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'

/** A real API server for all tests of a file, and rigs before it in real time. */
export interface RealStage {
  readonly clock: Clock
  readonly random: Random
  /** There once the tests run. */
  readonly client: Client
  /** Makes a namespace. */
  namespace(name: string): Promise<string>
  rig(namespace: string, options?: Partial<RigOptions>): Rig
  /** Waits until the check no longer throws, a minute unless told. */
  eventually(check: () => Promise<void>, timeoutMilliseconds?: number): Promise<void>
  /** Waits until there are that many machines and all of them run. */
  untilRunning(rig: Rig, count: number): Promise<void>
}

/** Starts an API server before the tests of a file and ends it after them. Rigs have a quick cloud unless told. */
export function useRealStage(usual: Partial<RigOptions> = {}): RealStage {
  const clock = createSystemClock()
  const random = createSystemRandom()
  let cluster: MachineCluster
  beforeAll(async () => {
    cluster = await startMachineCluster()
  })
  afterAll(() => cluster?.[Symbol.asyncDispose]())
  const eventually = async (check: () => Promise<void>, timeout = 60_000) => {
    await vi.waitFor(check, { timeout, interval: 100 })
  }
  return {
    clock,
    random,
    get client() {
      return cluster.client
    },
    namespace: (name) => cluster.namespace(name),
    rig: (namespace, options = {}) =>
      createRig({
        clock,
        random,
        control: cluster.client,
        namespace,
        cloud: { createMilliseconds: 200, deleteMilliseconds: 200 },
        joinMilliseconds: 200,
        ...usual,
        ...options,
      }),
    eventually,
    untilRunning: (rig, count) =>
      eventually(async () => {
        expect((await rig.machines()).map(phaseOf)).toEqual(Array.from({ length: count }, () => 'Running'))
      }),
  }
}
