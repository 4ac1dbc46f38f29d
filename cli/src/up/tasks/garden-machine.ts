import { renderUserData } from '@trellis/api/user-data'
import type { Server } from '@trellis/cloudprovider/local/client'
import type { Task } from '@trellis/flow/task'
import { Failure } from '@trellis/foundation/failure'
import { garden, managedTags } from '../../garden/garden.ts'
import { renderKubeconfig } from '../../garden/keys.ts'
import { gardenMachine } from '../../garden/machine.ts'
import { paths } from '../../installation.ts'
import { writeWhole } from '../../store.ts'
import type { UpServices } from '../services.ts'
import { readGardenKeys } from './garden-keys.ts'
import { gardenAddressOutput, setGardenLoadBalancer } from './garden-network.ts'
import { partsOutput } from './parts.ts'

/** Starts the machine that becomes the garden/seed cluster and writes the administrator's kubeconfig. */
export const gardenMachineTask: Task<UpServices> = {
  id: 'garden machine',
  dependsOn: ['garden network', 'garden keys', 'parts'],
  consumes: [gardenAddressOutput, partsOutput],
  run: async ({ services, read, note }) => {
    const { address, network } = read(gardenAddressOutput)
    const keys = await readGardenKeys(services)
    const server = await services.cloud.createServer({
      name: garden.machine,
      network,
      image: garden.image,
      flavor: garden.flavor,
      userData: renderUserData(gardenMachine(address, keys, read(partsOutput))),
      tags: managedTags,
    })
    refuseBroken(server)
    await setGardenLoadBalancer(services, network, [server.id])
    const kubeconfig = renderKubeconfig({
      name: garden.name,
      server: `https://${address}:${garden.apiPort}`,
      authority: keys.clusterAuthority.certificate,
      user: keys.administrator,
    })
    await writeWhole(paths(services.installation).gardenKubeconfig, kubeconfig)
    note(server.privateAddress)
  },
}

function refuseBroken(server: Server): void {
  if (server.state !== 'failed' && server.state !== 'stopped') return
  throw new Failure(
    'Conflict',
    `the garden's server is ${server.state}: ${server.failure?.message ?? 'it ended by itself'}`,
    {
      remedy: server.failure?.remedy ?? 'run "trellis down", then "trellis up"',
    },
  )
}
