import { gunzipSync } from 'node:zlib'
import { userDataLimitBytes } from '@trellis/api/user-data'
import { providerIdOf } from '@trellis/cloudprovider/local/driver'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createShootWorld, exampleImages, storedShoot } from '../../testing/shoot-world.ts'
import type { PoolBlueprint } from './blueprint.ts'
import { nodeAgentConfiguration, poolUserData } from './user-data.ts'

const inputs = {
  frontDoor: '198.18.0.10',
  certificateAuthority: `-----BEGIN CERTIFICATE-----\n${'A'.repeat(600)}\n-----END CERTIFICATE-----\n`,
  images: exampleImages,
}

function poolWith(change: (worker: PoolBlueprint['worker']) => void = () => {}) {
  const shoot = storedShoot()
  const [worker] = shoot.spec.provider.workers ?? []
  if (worker !== undefined) change(worker as PoolBlueprint['worker'])
  const { blueprint } = createShootWorld(shoot).services
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
    expect(nodeAgentConfiguration(blueprint, pool, inputs)).toMatchObject({
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

  it('names the server as the driver does', () => {
    const { blueprint, pool } = poolWith()
    const { providerId } = nodeAgentConfiguration(blueprint, pool, inputs)
    expect(providerId?.replace('{instanceId}', 'srv-1')).toBe(providerIdOf('shoot--local--first', { id: 'srv-1' }))
  })

  it('is a cloud-config of an acceptable size, with its placeholders in plain sight', () => {
    const { blueprint, pool } = poolWith()
    const text = poolUserData(blueprint, pool, inputs)
    expect(text.startsWith('#cloud-config\n')).toBe(true)
    expect(text.length).toBeLessThan(userDataLimitBytes)
    expect(text).toContain('<<MACHINE_NAME>>')
    expect(text).toContain('<<BOOTSTRAP_TOKEN>>')
    const files: { path: string; encoding?: string; content: string }[] = parse(text).write_files
    const contents = files.map(({ encoding, content }) =>
      encoding === 'gz+b64' ? gunzipSync(Buffer.from(content, 'base64')).toString() : content,
    )
    expect(contents.join('')).toContain('https://198.18.0.10:6443')
  })

  it('is the same for the same pool, so that machines are not replaced for nothing', () => {
    const { blueprint, pool } = poolWith()
    expect(poolUserData(blueprint, pool, inputs)).toBe(poolUserData(blueprint, pool, inputs))
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
    expect(() => poolUserData(blueprint, pool, inputs)).toThrow(/worker pool worker: user-data has \d+ bytes/)
  })

  it('says which image is missing', () => {
    const { blueprint, pool } = poolWith()
    expect(() => poolUserData(blueprint, pool, { ...inputs, images: {} })).toThrow('there is no image pause')
  })
})
