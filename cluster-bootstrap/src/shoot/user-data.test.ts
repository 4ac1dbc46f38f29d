import { userDataLimitBytes } from '@trellis/api/user-data'
import { describe, expect, it } from 'vitest'
import { filesIn } from '../../testing/example-machines.ts'
import { createShootWorld, exampleImages, storedShoot } from '../../testing/shoot-world.ts'
import type { PoolBlueprint } from './blueprint.ts'
import { nodeAgentConfiguration, poolUserData } from './user-data.ts'

const inputs = {
  frontDoor: '198.18.0.10',
  certificateAuthority: `-----BEGIN CERTIFICATE-----\n${'A'.repeat(600)}\n-----END CERTIFICATE-----\n`,
  images: exampleImages,
  agent: undefined,
}
const place = { providerId: 'local:///shoot--local--first/{instanceId}', labels: {} }

function poolWith(change: (worker: PoolBlueprint['worker']) => void = () => {}) {
  const shoot = storedShoot()
  const [worker] = shoot.spec.provider.workers ?? []
  if (worker !== undefined) change(worker as PoolBlueprint['worker'])
  const { blueprint } = createShootWorld({ shoot }).services
  const [pool] = blueprint.pools
  if (pool === undefined) throw new TypeError('the example has a pool')
  return { blueprint, pool }
}

describe('user-data', () => {
  it('tells the agent all that it needs to join', () => {
    const { blueprint, pool } = poolWith((worker) => {
      worker.taints = [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }]
      worker.labels = { 'example.com/a': 'b' }
      worker.kubernetes = { kubelet: { maxPods: 50, podPidsLimit: 100 } }
    })
    expect(nodeAgentConfiguration(blueprint, pool, place, inputs)).toMatchObject({
      role: 'worker',
      machineName: '<<MACHINE_NAME>>',
      nodeLabels: { 'worker.gardener.cloud/pool': 'worker' },
      nodeTaints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }],
      clusterDns: ['100.64.0.10'],
      maxPods: 50,
      kubeletExtra: { podPidsLimit: 100 },
      images: { sandbox: 'registry.example/pause:1' },
      worker: { apiServer: 'https://198.18.0.10:6443', bootstrapToken: '<<BOOTSTRAP_TOKEN>>' },
    })
  })

  it('brings along where the agent is got from, when the image does not have it', () => {
    const { blueprint, pool } = poolWith()
    const agent = { url: 'https://example.org/node-agent', sha256: '0'.repeat(64) }
    expect(poolUserData(blueprint, pool, place, { ...inputs, agent })).toContain("'https://example.org/node-agent'")
    expect(poolUserData(blueprint, pool, place, inputs)).not.toContain('curl')
  })

  it('names nodes after what the cloud calls the server, where it is told to', () => {
    const { blueprint, pool } = poolWith()
    const named = { ...place, nodeName: '{localHostname}', labels: { 'topology.kubernetes.io/zone': 'a' } }
    expect(nodeAgentConfiguration(blueprint, pool, named, inputs)).toMatchObject({
      machineName: '<<MACHINE_NAME>>',
      nodeName: '{localHostname}',
      nodeLabels: { 'topology.kubernetes.io/zone': 'a', 'worker.gardener.cloud/pool': 'worker' },
    })
  })

  it('is a cloud-config of an acceptable size, with its placeholders in plain sight', () => {
    const { blueprint, pool } = poolWith()
    const text = poolUserData(blueprint, pool, place, inputs)
    expect(text.startsWith('#cloud-config\n')).toBe(true)
    expect(text.length).toBeLessThan(userDataLimitBytes)
    expect(text).toContain('<<MACHINE_NAME>>')
    expect(text).toContain('<<BOOTSTRAP_TOKEN>>')
    expect(filesIn(text)).toContain('https://198.18.0.10:6443')
  })

  it('is the same for the same pool, so that machines are not replaced for nothing', () => {
    const { blueprint, pool } = poolWith()
    expect(poolUserData(blueprint, pool, place, inputs)).toBe(poolUserData(blueprint, pool, place, inputs))
  })

  it('says which pool is too big for it', () => {
    const { blueprint, pool } = poolWith((worker) => {
      const noise = (index: number) =>
        Buffer.from(`${index * 7919}`)
          .toString('base64url')
          .repeat(8)
      worker.taints = Array.from({ length: 600 }, (_, index) => ({
        key: `a${noise(index)}`,
        effect: 'NoSchedule' as const,
      }))
      worker.kubernetes = {
        kubelet: { evictionHard: Object.fromEntries(Array.from({ length: 900 }, (_, i) => [noise(i), noise(i * 31)])) },
      }
    })
    expect(() => poolUserData(blueprint, pool, place, inputs)).toThrow(/worker pool worker: user-data has \d+ bytes/)
  })

  it('says which image is missing', () => {
    const { blueprint, pool } = poolWith()
    expect(() => poolUserData(blueprint, pool, place, { ...inputs, images: {} })).toThrow('there is no image pause')
  })
})
