import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { classFor } from '../testing/classes.ts'
import { disks, instances, look, onStage, requestFor, shortage } from '../testing/stage.ts'
import { createGoogleDriver } from './driver.ts'

describe('creation at Google Cloud', () => {
  it('costs one call, and names the server, its tags, labels and user-data', () =>
    onStage(async (stage) => {
      const made = await stage.driver.createMachine(stage.request)
      expect(made).toMatchObject({
        providerId: 'gce:///trellis-test/europe-west1-b/machine-a',
        nodeName: 'machine-a',
        state: 'creating',
      })
      expect(stage.cloud.calls).toEqual(['compute.instances.insert'])
      expect(stage.cloud.world.get(instances(stage), 'machine-a')).toMatchObject({
        labels: {
          'kubernetes-io-cluster-one': '1',
          'kubernetes-io-role-node': '1',
          'machine-sapcloud-io-name': 'machine-a',
        },
        tags: { items: ['kubernetes-io-cluster-one', 'kubernetes-io-role-node'] },
        metadata: { items: [{ key: 'user-data', value: '#cloud-config\n' }] },
      })
    }))

  it('gives other user-data to the image as a script', () =>
    onStage(async (stage) => {
      await stage.driver.createMachine({ ...stage.request, userData: '#!/bin/sh\n' })
      expect(stage.cloud.world.get(instances(stage), 'machine-a').metadata).toMatchObject({
        items: [{ key: 'startup-script', value: '#!/bin/sh\n' }],
      })
    }))

  it.each([
    ['a name that is too long', { machineName: `a${'b'.repeat(63)}` }, 'metadata.name'],
    ['user-data that is too long', { userData: 'x'.repeat(262_145) }, 'secretRef.data.userData'],
    [
      'a subnetwork that is missing',
      { providerSpec: { ...classFor('one'), networkInterfaces: [{ subnetwork: 'missing' }] } },
      'providerSpec',
    ],
  ])('refuses %s', (_what, change, field) =>
    onStage(async ({ driver, request }) => {
      await expect(driver.createMachine({ ...request, ...change })).rejects.toMatchObject({ kind: 'Invalid', field })
    }),
  )

  it('tells of a shortage that comes after the cloud accepted: as a state, as a failure, then no more', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver, request } = stage
      cloud.fates.push({ error: shortage, leavesDisks: true })
      await driver.createMachine(request)
      cloud.world.settle()
      const restarted = createGoogleDriver({ clock, endpoint: cloud.endpoint })
      expect(await look({ ...stage, driver: restarted }, request)).toMatchObject({
        state: 'failed',
        reason: expect.stringContaining('no n2-standard-2 is left'),
      })
      expect(cloud.world.all(disks(stage))).toHaveLength(1)
      await expect(restarted.createMachine(request)).rejects.toMatchObject({ kind: 'Exhausted' })
      cloud.world.settle()
      expect(cloud.world.all(disks(stage))).toEqual([])
      await clock.advance(61_000)
      expect(await driver.createMachine(request)).toMatchObject({ state: 'creating' })
      cloud.world.settle()
      expect(await look(stage, request)).toMatchObject({ state: 'running' })
    }))

  it('removes even a disk that the class wants to keep when its server never was', () =>
    onStage(async (stage) => {
      const { cloud, driver } = stage
      const request = requestFor(cloud, 'machine-a', {
        disks: [...classFor('one').disks, { sizeGb: 9, autoDelete: false }],
      })
      cloud.fates.push({ error: shortage, leavesDisks: true })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(disks(stage))).toEqual([])
    }))

  it('keeps a disk that an earlier server of the machine wrote to, whatever becomes of the next', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver } = stage
      const kept = { sizeGb: 9, autoDelete: false }
      const request = requestFor(cloud, 'machine-a', { disks: [...classFor('one').disks, kept] })
      await driver.createMachine(request)
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      await clock.advance(1000)
      await driver.createMachine(request)
      cloud.world.settle()
      expect(await look(stage, request)).toMatchObject({
        state: 'failed',
        reason: expect.stringContaining('ALREADY_EXISTS'),
      })
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Conflict' })
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(disks(stage)).map(({ name }) => name)).toEqual(['machine-a-1'])
    }))

  it('makes one server when the answer is lost, or never comes', () =>
    onStage(async (stage) => {
      const { cloud, clock, driver, request } = stage
      cloud.fault('compute.instances.insert', { kind: 'lose' })
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Unavailable' })
      cloud.fault('compute.instances.insert', { kind: 'hang' })
      cloud.after = () => void clock.advance(31_000)
      await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Timeout' })
      cloud.after = () => {}
      await driver.createMachine(request)
      expect(cloud.world.all(instances(stage))).toHaveLength(1)
    }))

  it('waits for a server that the cloud does not show yet, and does not call it gone', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      cloud.fates.push({ hidden: true })
      await driver.createMachine(request)
      expect(await look(stage, request)).toMatchObject({ state: 'creating' })
      expect(await driver.createMachine(request)).toMatchObject({ state: 'creating' })
      expect(await driver.deleteMachine(request)).toBe('deleting')
      cloud.world.settle()
      while ((await driver.deleteMachine(request)) === 'deleting') cloud.world.settle()
      expect(cloud.world.all(instances(stage))).toEqual([])
    }))

  it('leaves a server of the same name that another cluster has in the zone alone', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      const foreign = requestFor(cloud, 'machine-a', { tags: ['kubernetes-io-cluster-two', 'kubernetes-io-role-node'] })
      await driver.createMachine(foreign)
      cloud.world.settle()
      await expect(driver.createMachine(request)).rejects.toMatchObject({
        kind: 'Conflict',
        field: 'providerSpec.zone',
      })
      expect(await driver.deleteMachine(request)).toBe('gone')
      expect(isFailure(await look(stage, request), 'NotFound')).toBe(true)
      expect(cloud.world.all(instances(stage))).toHaveLength(1)
    }))

  it('removes a server that has stopped before its machine had it', () =>
    onStage(async (stage) => {
      const { cloud, driver, request } = stage
      await driver.createMachine(request)
      cloud.world.settle()
      const stopped = {
        ...cloud.world.get(instances(stage), 'machine-a'),
        status: 'TERMINATED',
        statusMessage: 'preempted',
      }
      cloud.world.put(instances(stage), 'machine-a', stopped)
      expect(await look(stage, request)).toMatchObject({ state: 'stopped', reason: 'preempted' })
      await expect(driver.createMachine(request)).rejects.toMatchObject({
        kind: 'Unavailable',
        message: expect.stringContaining('preempted'),
      })
      cloud.world.settle()
      expect(await driver.createMachine(request)).toMatchObject({ state: 'creating' })
    }))
})
