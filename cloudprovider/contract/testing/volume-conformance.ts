import { expect, it } from 'vitest'
import type { VolumeIdsRequest } from '../src/driver.ts'
import { type DriverHarness, requestFor, type With } from './harness.ts'

/** Volumes that no cloud may take for its own. */
const foreign: VolumeIdsRequest['volumes'] = [
  { csi: { driver: 'disks.example.com', volumeHandle: 'foreign-1' } },
  { nfs: { server: 'files.example.com', path: '/' } },
  { hostPath: { path: '/data' } },
  { local: { path: '/mnt/disk' } },
  { capacity: { storage: '1Gi' } },
  {},
]

/** The part of the law that concerns volumes of pods. Drivers without the capability have it absent altogether. */
export function describeVolumes(withHarness: With): void {
  it(
    'knows volumes of its own cloud, or has no opinion on any',
    withHarness(async ({ driver, volumes }) => {
      expect(volumes === undefined, 'the harness can show what the driver can name').toBe(
        driver.getVolumeIds === undefined,
      )
      if (volumes === undefined) return
      expect(volumes.length).toBeGreaterThan(0)
      expect(new Set(volumes.map(({ id }) => id)).size).toBe(volumes.length)
    }),
  )
  it(
    'gives the ids of its own volumes, in their order, and the same when asked again',
    withHarness(async (harness) => {
      const { volumes = [] } = harness
      const ids = volumes.map(({ id }) => id)
      expect(await idsOf(harness, specs(harness))).toEqual(ids)
      expect(await idsOf(harness, specs(harness).toReversed())).toEqual(ids.toReversed())
      expect(await idsOf(harness, specs(harness))).toEqual(ids)
      for (const { volume, id } of volumes) expect(await idsOf(harness, [volume])).toEqual([id])
    }),
  )
  it(
    'passes over the volumes of others',
    withHarness(async (harness) => {
      expect(await idsOf(harness, foreign)).toEqual([])
      const ids = (harness.volumes ?? []).map(({ id }) => id)
      const mixed = specs(harness).flatMap((volume, index) => [foreign[index % foreign.length] ?? {}, volume])
      expect(await idsOf(harness, [...mixed, ...foreign])).toEqual(ids)
    }),
  )
  it(
    'takes no volumes at all',
    withHarness(async (harness) => expect(await idsOf(harness, [])).toEqual([])),
  )
  it(
    'names volumes without a server, and whatever becomes of servers',
    withHarness(async (harness) => {
      const before = await idsOf(harness, specs(harness))
      await harness.elapse(() => harness.driver.createMachine(requestFor(harness, 'machine-a')))
      expect(await idsOf(harness, specs(harness))).toEqual(before)
      expect(await harness.servers()).toBe(1)
    }),
  )
}

function specs({ volumes = [] }: DriverHarness): VolumeIdsRequest['volumes'] {
  return volumes.map(({ volume }) => volume)
}

async function idsOf({ driver, elapse }: DriverHarness, volumes: VolumeIdsRequest['volumes']) {
  return (await elapse(async () => driver.getVolumeIds?.({ volumes }))) ?? []
}
