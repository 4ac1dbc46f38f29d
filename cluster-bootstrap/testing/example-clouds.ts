import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { CloudProfile } from '@trellis/api/garden/cloud-profile'
import type { Shoot } from '@trellis/api/garden/shoot'
import { exampleSeed } from '@trellis/api/testing/examples'
import { parseAllDocuments } from 'yaml'
import type { ShootCloud } from '../src/clouds/cloud.ts'
import { knownClouds } from '../src/clouds/known-clouds.ts'
import type { InfrastructureOutputs } from '../src/infrastructure/engine.ts'
import { type Blueprint, makeBlueprint } from '../src/shoot/blueprint.ts'

/** Folder of the examples in this repository. */
const examplesDirectory = fileURLToPath(new URL('../../examples', import.meta.url))

/** Every object of an example file. */
export async function readExamples<Kind>(cloud: string, file: string): Promise<readonly Kind[]> {
  const text = await readFile(`${examplesDirectory}/${cloud}/${file}.yaml`, 'utf8')
  return parseAllDocuments(text).map((document) => document.toJS() as Kind)
}

async function readExample<Kind>(cloud: string, file: string): Promise<Kind> {
  const [first] = await readExamples<Kind>(cloud, file)
  if (first === undefined) throw new TypeError(`examples/${cloud}/${file}.yaml is empty`)
  return first
}

/** What the engine of each cloud tells, as far as machines need it; the project of GCP comes with the credentials. */
export const exampleOutputs: Readonly<Record<string, InfrastructureOutputs>> = {
  local: { network: 'shoot--local--second', egressAddress: '198.18.9.9' },
  aws: {
    keyName: 'key-1',
    instanceProfile: 'profile-1',
    securityGroup: 'sg-1',
    'subnet/eu-central-1a': 'subnet-a',
    'subnet/eu-central-1b': 'subnet-b',
  },
  openstack: { network: 'network-1', subnet: 'subnet-1', securityGroup: 'group-1', keyName: 'key-1' },
  gcp: { network: 'network-1', subnetwork: 'subnet-1', serviceAccountEmail: 'nodes@example.org', project: 'example' },
}

/** A Shoot of the examples, to be changed. */
export interface ExampleGrowth {
  readonly cloud: ShootCloud
  readonly cloudProfile: CloudProfile
  readonly shoot: Shoot
}

/** The example of a cloud; each call reads it anew. */
export async function exampleGrowth(type: string): Promise<ExampleGrowth> {
  const cloud = knownClouds.find((one) => one.type === type)
  if (cloud === undefined) throw new TypeError(`there is no cloud ${type}`)
  return {
    cloud,
    cloudProfile: await readExample<CloudProfile>(type, 'cloudprofile'),
    shoot: await readExample<Shoot>(type, 'shoot'),
  }
}

/** Its blueprint. */
export function blueprintOf({ cloud, cloudProfile, shoot }: ExampleGrowth): Blueprint {
  const now = Date.UTC(2026, 5, 1)
  return makeBlueprint({ shoot, cloudProfile, seed: exampleSeed(), now, alwaysNumberZones: cloud.needsZones })
}

/** Its pool; the examples have one. */
export function workerOf({ shoot }: ExampleGrowth): NonNullable<Shoot['spec']['provider']['workers']>[number] {
  const [worker] = shoot.spec.provider.workers ?? []
  if (worker === undefined) throw new TypeError('the example has a pool')
  return worker
}
