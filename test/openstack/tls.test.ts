import { createCertificateMaker, type KeyPair } from '@trellis/certificates/authority'
import { createCallBudget } from '@trellis/cloudprovider/contract/call-budget'
import { connectOpenStack } from '@trellis/cloudprovider/openstack/connect'
import { parseCredentials } from '@trellis/cloudprovider/openstack/credentials'
import { exampleSecret } from '@trellis/cloudprovider/openstack/testing/example-class'
import { type ScriptedCloud, startScriptedCloud } from '@trellis/cloudprovider/openstack/testing/scripted-cloud'
import { createSystemClock } from '@trellis/foundation/clock'
import { createSystemRandom } from '@trellis/foundation/random'
import { beforeAll, describe, expect, it } from 'vitest'

const clock = createSystemClock()
const maker = createCertificateMaker({ clock, random: createSystemRandom() })

let authority: KeyPair
let stranger: KeyPair
let server: KeyPair
let user: KeyPair

beforeAll(async () => {
  authority = await maker.createAuthority('cloud')
  stranger = await maker.createAuthority('somebody else')
  server = await maker.issue(authority, { commonName: 'cloud', ipAddresses: ['127.0.0.1'], usages: ['server'] })
  user = await maker.issue(authority, { commonName: 'user', usages: ['client'] })
})

async function list(cloud: ScriptedCloud, change: Readonly<Record<string, string>>): Promise<unknown> {
  using client = connectOpenStack({
    clock,
    credentials: parseCredentials({ ...exampleSecret, authURL: cloud.authUrl, ...change }),
    wish: { region: 'RegionOne' },
    budget: createCallBudget({ clock }, { perSecond: 100, burst: 100, leastPerSecond: 1 }),
    environment: {},
  })
  return await client.servers.list({})
}

describe('TLS towards OpenStack', () => {
  const withCloud = async (work: (cloud: ScriptedCloud) => Promise<void>, asksForCertificate = false) => {
    await using cloud = await startScriptedCloud(clock.now, {
      cert: server.certificate,
      key: server.privateKey,
      ca: authority.certificate,
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate,
    })
    await work(cloud)
  }

  it('trusts the authority of the secret', () =>
    withCloud(async (cloud) => {
      expect(await list(cloud, { caCert: authority.certificate })).toEqual([])
    }))

  it('trusts nobody else, and sends nothing', () =>
    withCloud(async (cloud) => {
      const secrets: readonly Readonly<Record<string, string>>[] = [
        {},
        { caCert: stranger.certificate },
        { insecure: 'false' },
      ]
      for (const change of secrets) {
        await expect(list(cloud, change)).rejects.toMatchObject({
          kind: 'Unavailable',
          remedy: expect.stringContaining('caCert'),
        })
      }
      expect(cloud.seen).toEqual([])
    }))

  it('trusts everybody only when the secret says so', () =>
    withCloud(async (cloud) => {
      expect(await list(cloud, { insecure: 'true' })).toEqual([])
    }))

  it('shows the certificate of the secret', () =>
    withCloud(async (cloud) => {
      const trust = { caCert: authority.certificate }
      await expect(list(cloud, trust)).rejects.toMatchObject({ kind: 'Unavailable' })
      const shown = { ...trust, clientCert: user.certificate, clientKey: user.privateKey }
      expect(await list(cloud, shown)).toEqual([])
    }, true))
})
