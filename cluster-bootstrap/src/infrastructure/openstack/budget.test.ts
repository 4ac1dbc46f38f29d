import { createOpenStackDriver } from '@trellis/cloudprovider/openstack/driver'
import { exampleSecret, exampleSpec } from '@trellis/cloudprovider/openstack/testing/example-class'
import { Failure } from '@trellis/foundation/failure'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, it } from 'vitest'
import { infrastructureRequest } from '../../../testing/infrastructure-request.ts'
import { createOpenStackInfrastructure } from './engine.ts'

it('spends the budget that machines of the same account spend', async () => {
  const clock = createVirtualClock()
  const asked: string[] = []
  const failure = new Failure('Unavailable', 'no budget in this test')
  const budgets = {
    of: (account: string) => {
      asked.push(account)
      throw failure
    },
  }
  const providerSpec = {
    apiVersion: 'openstack.machine.gardener.cloud/v1alpha1',
    kind: 'MachineProviderConfig',
    spec: exampleSpec,
  }
  const driver = createOpenStackDriver({ clock, budgets })
  await expect(driver.listMachines({ providerSpec, secret: exampleSecret })).rejects.toBe(failure)
  const engine = createOpenStackInfrastructure({ clock, random: createSeededRandom('budget'), budgets })
  const request = infrastructureRequest({
    region: exampleSpec.region,
    secret: exampleSecret,
    configuration: { floatingPoolName: 'outside', networks: { workers: '10.250.0.0/24' } },
  })
  await expect(engine.apply(request)).rejects.toBe(failure)
  expect(asked).toHaveLength(2)
  expect(asked[0]).toBe(asked[1])
})
