import { readFile } from 'node:fs/promises'
import { cloudProfileSchema } from '@trellis/api/garden/cloud-profile'
import { credentialsBindingSchema } from '@trellis/api/garden/credentials-binding'
import { exampleSeed } from '@trellis/api/testing/examples'
import { validateShoot } from '@trellis/api/validation/shoot'
import { createStructureCheck } from '@trellis/api/validation/structure'
import { parseProviderSpec as parseAws } from '@trellis/cloudprovider/aws/provider-spec'
import { parseProviderSpec as parseGcp } from '@trellis/cloudprovider/gcp/provider-spec'
import { parseProviderSpec as parseLocal } from '@trellis/cloudprovider/local/provider-spec'
import { parseProviderSpec as parseOpenstack } from '@trellis/cloudprovider/openstack/provider-spec'
import { describe, expect, it } from 'vitest'
import {
  blueprintOf,
  type ExampleGrowth,
  exampleGrowth,
  exampleOutputs,
  readExamples,
} from '../../testing/example-clouds.ts'
import { exampleUserData } from '../../testing/example-machines.ts'
import { chartsDirectory } from '../../testing/render-chart.ts'
import { poolMachines } from '../shoot/pool-machines.ts'
import { bindingErrors } from './credentials.ts'
import { knownClouds } from './known-clouds.ts'
import { placeErrors } from './places.ts'

/** The drivers' own reading of a class, by cloud; one line each. */
const driverParsers: Readonly<Record<string, (providerSpec: unknown) => unknown>> = {
  local: parseLocal,
  aws: parseAws,
  openstack: parseOpenstack,
  gcp: parseGcp,
}

const types = knownClouds.map(({ type }) => type)
const onOwnAccounts = knownClouds.filter(({ credentialsOf }) => credentialsOf === 'shoot').map(({ type }) => type)

function machinesOf(growth: ExampleGrowth) {
  const { cloud } = growth
  const outputs = exampleOutputs[cloud.type] ?? {}
  return poolMachines(blueprintOf(growth), { cloud, outputs, replicas: new Map(), userData: exampleUserData })
}

describe.each(types)('the example of %s', (type) => {
  it('has a profile that the API and the cloud accept', async () => {
    const { cloud, cloudProfile } = await exampleGrowth(type)
    expect(createStructureCheck(cloudProfileSchema)(cloudProfile)).toEqual({ unknown: [], wrong: [] })
    expect(cloud.validateProfile(cloudProfile)).toEqual([])
  })

  it('has a Shoot that the API and the cloud accept', async () => {
    const growth = await exampleGrowth(type)
    const { cloud, cloudProfile, shoot } = growth
    const blueprint = blueprintOf(growth)
    expect(validateShoot(shoot, { cloudProfile, seed: exampleSeed() })).toEqual([])
    expect([
      ...bindingErrors(cloud, shoot),
      ...placeErrors(cloud, blueprint),
      ...cloud.validateShoot(blueprint),
    ]).toEqual([])
  })

  it('makes classes of machines, the same each time', async () => {
    const machines = machinesOf(await exampleGrowth(type))
    expect(machines.length).toBeGreaterThan(0)
    expect(JSON.stringify(machinesOf(await exampleGrowth(type)))).toBe(JSON.stringify(machines))
    expect(machines.map(({ userData }) => userData.startsWith('#cloud-config\n'))).not.toContain(false)
  })

  it('names no field of a class that its chart does not know', async () => {
    const { cloud } = await exampleGrowth(type)
    const schema = JSON.parse(await readFile(`${chartsDirectory}/${cloud.machineChart}/values.schema.json`, 'utf8'))
    const known = schema.properties.pools.items.properties.providerSpec
    for (const { providerSpec } of machinesOf(await exampleGrowth(type))) {
      expect(Object.keys(known.properties)).toEqual(expect.arrayContaining(Object.keys(providerSpec)))
      expect(Object.keys(providerSpec)).toEqual(expect.arrayContaining(known.required))
    }
  })
})

describe.each(Object.entries(driverParsers))('the driver of %s', (type, parse) => {
  it('takes the classes of the example', async () => {
    for (const { providerSpec } of machinesOf(await exampleGrowth(type)))
      expect(() => parse(providerSpec)).not.toThrow()
  })
})

describe.each(onOwnAccounts)('the credentials of the example of %s', (type) => {
  it('are bound, and hold the keys that the cloud asks for', async () => {
    const { cloud, cloudProfile, shoot } = await exampleGrowth(type)
    const [secret, binding] = await readExamples<{ stringData: Record<string, string>; metadata: { name: string } }>(
      type,
      'secret',
    )
    expect(createStructureCheck(credentialsBindingSchema)(binding)).toEqual({ unknown: [], wrong: [] })
    expect(binding?.metadata.name).toBe(shoot.spec.credentialsBindingName)
    const place = { providerConfig: cloudProfile.spec.providerConfig, region: shoot.spec.region }
    // What stands for a project's name in angle brackets is none.
    const text = JSON.stringify(secret?.stringData).replaceAll('<project>', 'example')
    expect(Object.keys(cloud.credentials(JSON.parse(text), place)).length).toBeGreaterThan(1)
  })
})

describe('the charts of machines', () => {
  it('differ in nothing but what the cloud itself knows', async () => {
    const common = await Promise.all(
      knownClouds.map(async ({ machineChart }) => {
        const schema = JSON.parse(await readFile(`${chartsDirectory}/${machineChart}/values.schema.json`, 'utf8'))
        schema.properties.pools.items.properties.providerSpec = {}
        const template = await readFile(`${chartsDirectory}/${machineChart}/templates/pools.yaml`, 'utf8')
        return JSON.stringify({ schema, template })
      }),
    )
    expect(new Set(common).size).toBe(1)
  })

  it('say which provider their classes are for', async () => {
    for (const { machineChart, machineProvider } of knownClouds) {
      const text = await readFile(`${chartsDirectory}/${machineChart}/Chart.yaml`, 'utf8')
      expect(text).toContain(`trellis.internal/provider: ${machineProvider}\n`)
    }
  })
})
