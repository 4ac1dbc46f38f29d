import { describe, expect, it } from 'vitest'
import { classFor } from '../testing/classes.ts'
import { disks, instances, look, onStage, requestFor } from '../testing/stage.ts'
import { ownLabels } from './ownership.ts'

describe('deletion at Google Cloud', () => {
  it('lifts the protection that the class asked for', () =>
    onStage(async (stage) => {
      const { cloud, driver } = stage
      const request = requestFor(cloud, 'machine-a', { deletionProtection: true })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(instances(stage))).toEqual([])
    }))

  it('keeps disks that the class wants to keep, and lists them as no leftovers', () =>
    onStage(async (stage) => {
      const { cloud, driver } = stage
      const request = requestFor(cloud, 'machine-a', {
        disks: [...classFor('one').disks, { sizeGb: 9, autoDelete: false }],
      })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(disks(stage))).toHaveLength(1)
      expect(await driver.listLeftovers?.(request)).toEqual([])
    }))

  it('lists and deletes addresses that were made for machines too', () =>
    onStage(async ({ cloud, driver, request }) => {
      const addresses = `${cloud.project}/regions/europe-west1/addresses`
      const put = (name: string, rest: object) =>
        cloud.world.put(addresses, name, { ...cloud.world.fresh('address', addresses, name), ...rest })
      put('left', { labels: ownLabels(request.providerSpec.tags, 'machine-a') })
      put('taken', { labels: ownLabels(request.providerSpec.tags, 'machine-b'), users: ['a server'] })
      put('of-nobody', {})
      const found = (await driver.listLeftovers?.(request)) ?? []
      expect(found).toMatchObject([{ id: 'address/europe-west1/left', kind: 'address', machineName: 'machine-a' }])
      const [left] = found
      if (left === undefined) return
      const taken = { ...left, id: 'address/europe-west1/taken' }
      await expect(driver.deleteLeftover?.(request, taken)).rejects.toMatchObject({ kind: 'Conflict' })
      expect(await driver.deleteLeftover?.(request, left)).toBe('deleting')
      cloud.world.settle()
      expect(await driver.deleteLeftover?.(request, left)).toBe('gone')
      expect(await driver.deleteLeftover?.(request, { ...left, id: 'nonsense' })).toBe('gone')
    }))

  it('follows the provider id into the zone that the class had before', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      const { providerId } = await driver.createMachine(request)
      cloud.world.settle()
      const moved = { ...requestFor(cloud, 'machine-a', { zone: 'europe-west1-d' }), providerId }
      expect(await look(stage, moved)).toMatchObject({ state: 'running' })
      expect([...(await driver.listMachines(moved))]).toEqual([[providerId, 'machine-a']])
      while ((await driver.deleteMachine(moved)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(instances(stage))).toEqual([])
    }))
})
