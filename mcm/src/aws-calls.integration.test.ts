import { secrets } from '@trellis/api/core/configuration'
import { nodes } from '@trellis/api/core/node'
import { machineClasses } from '@trellis/api/machine/machine-class'
import { machineDeployments } from '@trellis/api/machine/machine-deployment'
import { content, type Moto, startMoto } from '@trellis/cloudprovider/aws/testing/moto'
import { setStage } from '@trellis/cloudprovider/aws/testing/stage'
import { createSystemClock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { createSystemRandom } from '@trellis/foundation/random'
import type { Client } from '@trellis/kubernetes/client'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { classFor, classSecret, createRig, deploymentOf, scale } from '../testing/rig.ts'
import { phaseOf } from './machine/phase.ts'

const clock = createSystemClock()
const random = createSystemRandom()
const namespace = 'shoot--aws--first'
const bootMilliseconds = 15_000
const most = 100
let moto: Moto

beforeAll(async () => {
  moto = await startMoto()
}, 600_000)
afterAll(() => moto?.[Symbol.asyncDispose]())

/** Plays the kubelets: each server is a Node some seconds after EC2 says that it runs. Asks moto itself, past what counts calls. */
async function playKubelets(client: Client, signal: AbortSignal): Promise<void> {
  const firstSeen = new Map<string, number>()
  const joined = new Set<string>()
  while (!signal.aborted) {
    for (const [name, id] of await runningServers()) {
      const since = firstSeen.get(id) ?? clock.now()
      firstSeen.set(id, since)
      if (joined.has(id) || clock.now() - since < bootMilliseconds) continue
      joined.add(id)
      const at = new Date(clock.now()).toISOString()
      await client.create(nodes, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name },
        spec: { providerID: `aws:///eu-west-1/${id}` },
        status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: at, lastTransitionTime: at }] },
      })
    }
    await clock.sleep(500, signal).catch(() => {})
  }
}

/** Private DNS names with ids. */
async function runningServers(): Promise<readonly (readonly [string, string])[]> {
  const found: (readonly [string, string])[] = []
  let token: string | undefined = ''
  while (token !== undefined) {
    const xml = await moto.ask('ec2', 'DescribeInstances', token === '' ? {} : { NextToken: token })
    for (const item of xml.split('<instanceId>').slice(1)) {
      found.push([content(item, 'privateDnsName'), item.slice(0, item.indexOf('<'))])
    }
    token = /<nextToken>([^<]+)</.exec(xml)?.[1]
  }
  return found
}

describe('calls of EC2 from nothing to a hundred machines that run', () => {
  it.each([
    { reason: 'whose classes leave the check of packets alone', change: {}, atMost: 1.2 },
    {
      reason: 'that also let packets through, one more call each',
      change: { srcAndDstChecksEnabled: false },
      atMost: 2.2,
    },
  ])(
    'are few for machines $reason',
    async ({ change, atMost }) => {
      await using stage = await setStage(moto)
      const client = createFakeClient({ clock, random: random.child('server') })
      const providerSpec = { ...stage.account.providerSpec('one'), ...change }
      const secret = classSecret(namespace)
      const { userData: _, ...credentials } = stage.account.secret
      const data = Object.entries(credentials).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
      await client.create(secrets, { ...secret, data: { ...secret.data, ...Object.fromEntries(data) } })
      await client.create(machineClasses, { ...classFor(namespace), provider: 'AWS', providerSpec })
      await client.create(machineDeployments, deploymentOf(namespace, 'pool', 0))
      await using rig = createRig({ clock, random, control: client, namespace, wrapDriver: () => stage.driver })
      const stop = new AbortController()
      const kubelets = playKubelets(client, stop.signal)
      rig.start()
      await scale(client, namespace, 'pool', most)
      const running = async () => (await rig.machines()).filter((machine) => phaseOf(machine) === 'Running').length
      await vi.waitFor(async () => expect(await running()).toBe(most), { timeout: 200_000, interval: 500 })
      const counts = Map.groupBy(stage.front.calls, (call) => call)
      const text = [...counts].map(([call, made]) => `${call} ${made.length}`).join(', ')
      const perMachine = stage.front.calls.length / most
      process.stdout.write(`${perMachine} calls of EC2 per machine: ${text}\n`)
      expect(perMachine).toBeLessThanOrEqual(atMost)
      // A call whose answer is late on a busy host is repeated, with the same token: that makes no second server.
      expect(await runningServers()).toHaveLength(most)
      stop.abort(new Failure('Unavailable', 'the test is over'))
      await kubelets
    },
    240_000,
  )
})
