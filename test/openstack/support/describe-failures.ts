import { randomUUID } from 'node:crypto'
import { createOpenStackDriver } from '@trellis/cloudprovider/openstack/driver'
import { createSystemClock } from '@trellis/foundation/clock'
import { expect, it } from 'vitest'
import type { Administrator } from '../administrator.ts'
import { makeApplicationCredential } from './application-credential.ts'
import type { ClassParts } from './class-parts.ts'
import { flavors } from './world.ts'

const clock = createSystemClock()

/** What the failures are provoked at. */
export interface FailureWorld {
  readonly parts: ClassParts
  readonly administrator: Administrator
}

/** Provokes at the real services each of the refusals that are in the driver's table. */
export function describeFailures(world: () => FailureWorld): void {
  const driver = createOpenStackDriver({ clock })
  const requestFor = (machineName: string, change: Readonly<Record<string, unknown>> = {}) => {
    const { parts } = world()
    return {
      machineName,
      providerSpec: parts.providerSpec('failures', change),
      secret: { ...parts.account.secret, userData: '#cloud-config\n' },
      userData: '#cloud-config\n',
    }
  }
  const unknown = randomUUID()

  it.each([
    { change: { availabilityZone: 'nowhere' }, kind: 'Invalid', field: 'availabilityZone' },
    { change: { flavorName: 'none' }, kind: 'Exhausted', field: 'flavorName' },
    { change: { imageID: unknown }, kind: 'Invalid', field: 'imageID' },
    { change: { imageID: '', imageName: 'none' }, kind: 'Invalid', field: 'imageName' },
    { change: { keyName: 'none' }, kind: 'Invalid', field: 'keyName' },
    { change: { securityGroups: ['none'] }, kind: 'Invalid', field: 'securityGroups[0]' },
    { change: { serverGroupID: unknown }, kind: 'Invalid', field: 'serverGroupID' },
    { change: { region: 'Elsewhere' }, kind: 'Invalid', field: 'region' },
    { change: { networkID: unknown }, kind: 'Invalid', field: 'networkID' },
  ])('says $kind of $field for $change, and leaves no port', async ({ change, kind, field }) => {
    const { client, network } = world().parts
    await expect(driver.createMachine(requestFor('refused', change))).rejects.toMatchObject({
      kind,
      field: `providerSpec.spec.${field}`,
    })
    expect(await client.ports.list({ name: 'refused', network_id: network })).toEqual([])
  })

  it('says Exhausted of a server that fits nowhere, and takes it away', async () => {
    const request = requestFor('too-large', { flavorName: flavors.impossible })
    await driver.createMachine(request)
    await expect
      .poll(() => driver.getMachineStatus(request), { timeout: 60_000, interval: 500 })
      .toMatchObject({ state: 'failed', reason: expect.stringContaining('No valid host was found') })
    await expect(driver.createMachine(request)).rejects.toMatchObject({ kind: 'Exhausted' })
    await expect.poll(() => driver.deleteMachine(request), { timeout: 60_000, interval: 500 }).toBe('gone')
  })

  it.each([
    { reason: 'servers', nova: 'instances', usual: 10 },
    { reason: 'cores', nova: 'cores', usual: 20 },
    { reason: 'ports', neutron: 'port', usual: 500 },
  ])(
    'says Exhausted when the quota of $reason is used up, and leaves no port',
    async ({ nova, neutron = '', usual }) => {
      const { parts, administrator } = world()
      const { project } = parts.account
      const set = (limit: number) =>
        nova === undefined
          ? administrator.call('neutron', 'PUT', `/quotas/${project}`, { quota: { [neutron]: limit } })
          : administrator.call('nova', 'PUT', `/os-quota-sets/${project}`, {
              quota_set: { [nova]: limit, force: true },
            })
      await set(0)
      try {
        await expect(driver.createMachine(requestFor('short'))).rejects.toMatchObject({ kind: 'Exhausted' })
        expect(await parts.client.ports.list({ name: 'short' })).toEqual([])
      } finally {
        await set(usual)
      }
    },
  )

  it('says Unauthorized of wrong passwords and of application credentials that are gone, and tells no secret', async () => {
    const { account } = world().parts
    const secrets: readonly Readonly<Record<string, string>>[] = [
      { ...account.secret, password: 'not-the-password' },
      {
        authURL: account.secret.authURL ?? '',
        applicationCredentialID: unknown,
        applicationCredentialSecret: 'not-the-secret',
      },
    ]
    for (const secret of secrets) {
      const failure = await driver.listMachines({ ...requestFor('x'), secret }).catch((error: unknown) => error)
      expect(failure).toMatchObject({ kind: 'Unauthorized' })
      expect(String(failure)).not.toContain('not-the')
    }
  })

  it('logs in with application credentials, by id and by name', async () => {
    const { parts } = world()
    const { account } = parts
    const made = await makeApplicationCredential(account, account.secret.authURL ?? '')
    const { authURL = '', username = '', domainName = '' } = account.secret
    const secrets: readonly Readonly<Record<string, string>>[] = [
      { authURL, applicationCredentialID: made.id, applicationCredentialSecret: made.secret },
      {
        authURL,
        username,
        domainName,
        applicationCredentialName: made.name,
        applicationCredentialSecret: made.secret,
      },
    ]
    for (const secret of secrets) {
      expect(await driver.listMachines({ ...requestFor('x'), secret })).toBeInstanceOf(Map)
    }
  })
}
