import { createGoogleDriver } from '@trellis/cloudprovider/gcp/driver'
import { startGoogleCloud } from '@trellis/cloudprovider/gcp/testing/google-cloud'
import { exampleGrowth } from '../../testing/example-clouds.ts'
import { thingsOf } from '../../testing/google-things.ts'
import { createHastyClock } from '../../testing/hasty-clock.ts'
import { describeShootOn, type ShootHarness } from '../../testing/shoot-conformance.ts'
import { createGoogleInfrastructure } from '../infrastructure/gcp/engine.ts'

async function open(): Promise<ShootHarness> {
  const clock = createHastyClock()
  const google = await startGoogleCloud(clock)
  const ports = { clock, endpoint: google.endpoint }
  const engine = createGoogleInfrastructure(ports)
  const connection = async () => ({ engine, driver: createGoogleDriver(ports), [Symbol.dispose]: () => {} })
  const example = await exampleGrowth('gcp')
  const key = google.identity.secret.serviceAccountJSON ?? ''
  return {
    growth: { ...example, cloud: { ...example.cloud, connect: connection } },
    account: { 'serviceaccount.json': key },
    // A line of the key: it stands alike wherever the key is, however often that is quoted.
    hidden: (JSON.parse(key) as { readonly private_key: string }).private_key.split('\n')[1] ?? key,
    servers: async () =>
      [...google.world.everywhere('/instances').values()].flatMap((found) => found.map(({ name }) => String(name))),
    holdings: async () => thingsOf(google),
    settle: () => google.world.settle(),
    [Symbol.asyncDispose]: () => google[Symbol.asyncDispose](),
  }
}

describeShootOn('Google Cloud in front of an imitation', open, {
  noted: ['network', 'subnetwork/nodes', 'serviceAccount'],
  providerId: /^gce:\/\/\/trellis-test\/europe-west3-[abc]\/shoot--local--on-gcp-pool-z[123]-x$/,
  parts: 3,
})
