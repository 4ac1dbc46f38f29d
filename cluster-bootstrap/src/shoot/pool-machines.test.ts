import { describe, expect, it } from 'vitest'
import { blueprintOf, exampleGrowth, exampleOutputs } from '../../testing/example-clouds.ts'
import { exampleMachineValues, exampleUserData, filesIn } from '../../testing/example-machines.ts'
import { createShootWorld } from '../../testing/shoot-world.ts'
import { localCloud } from '../clouds/local.ts'
import { poolMachines } from './pool-machines.ts'

const { blueprint } = createShootWorld().services
const outputs = { network: 'shoot--local--first', egressAddress: '198.18.9.9' }

describe('machines on the embedded cloud', () => {
  it('are described to the byte as they were before there were other clouds, since another word would replace them all', () => {
    const userData = [
      '#cloud-config',
      'write_files:',
      '- path: /etc/trellis/machine.json',
      "  permissions: '0600'",
      '  content: |',
      '    {"machineName":"<<MACHINE_NAME>>","worker":{"bootstrapToken":"<<BOOTSTRAP_TOKEN>>"}}',
      '- path: /etc/trellis/node-agent.json',
      "  permissions: '0600'",
      '  content: |',
      '    {"version":1,"role":"worker","nodeLabels":{"worker.gardener.cloud/pool":"worker"},"nodeTaints":[],"providerId":"local:///shoot--local--first/{instanceId}","clusterDns":["100.64.0.10"],"clusterDomain":"cluster.local","maxPods":110,"images":{"sandbox":"registry.example/pause:1"},"worker":{"apiServer":"https://198.18.0.10:6443","caBundle":"PEM"}}',
      'runcmd:',
      '- [systemctl, enable, --now, trellis-node-agent.service]',
      '',
    ].join('\n')
    const values = exampleMachineValues(blueprint, localCloud, outputs)
    expect(values).toMatchObject({ pools: [{ userData }] })
    expect(JSON.stringify(values).replace(JSON.stringify(userData), '"U"')).toBe(
      '{"credentialsSecret":"cloud-credentials","pools":[{"name":"shoot--local--first-worker","replicas":2,"maxSurge":1,"maxUnavailable":0,"userData":"U","region":"local","zone":"local","instanceType":"small","architecture":"amd64","capacity":{"cpu":1,"memory":"2Gi","gpu":0},"providerSpec":{"network":"shoot--local--first","image":"debian","flavor":"small","tags":{"kubernetes.io/cluster/shoot--local--first":"1","kubernetes.io/role/node":"1"}},"labels":{"worker.gardener.cloud/pool":"worker"},"annotations":{},"taints":[],"machineControllerManager":{}}]}',
    )
  })
})

describe('machines of a pool in several zones', () => {
  it('are a class and a deployment for each zone, with nodes that say where they are', async () => {
    const growth = await exampleGrowth('aws')
    const machines = poolMachines(blueprintOf(growth), {
      cloud: growth.cloud,
      outputs: exampleOutputs.aws ?? {},
      replicas: new Map([['shoot--local--on-aws-pool-z2', 2]]),
      userData: exampleUserData,
    })
    expect(machines.map(({ zone, replicas }) => [zone.machineDeployment, zone.zone, replicas])).toEqual([
      ['shoot--local--on-aws-pool-z1', 'eu-central-1a', undefined],
      ['shoot--local--on-aws-pool-z2', 'eu-central-1b', 2],
    ])
    for (const { zone, userData } of machines) {
      expect(filesIn(userData)).toContain(`"topology.kubernetes.io/zone":"${zone.zone}"`)
      expect(filesIn(userData)).toContain('"node.kubernetes.io/instance-type":"m5.large"')
      expect(filesIn(userData)).toContain('"nodeName":"{localHostname}"')
    }
  })
})
