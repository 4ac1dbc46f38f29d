import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { openDriver, type ProviderName, providerNames } from './drivers.ts'

const clock = createSystemClock()
const random = createSeededRandom('drivers')

/** Opens a driver that nobody asks for anything. */
function open(name: ProviderName, endpoints: Readonly<Record<string, string>>) {
  const client = createFakeClient({ clock, random })
  const ports = { clock, random, log: createSilentLog(), registry: new Registry(), client, signal: AbortSignal.abort() }
  return openDriver(name, ports, { endpoints, simulatedCloudFile: undefined })
}

describe('openDriver', () => {
  it.each(providerNames)('refuses an address of a service that %s does not have, by its name', async (name) => {
    await expect(open(name, { ecs2: 'https://ec2.example' })).rejects.toMatchObject({
      kind: 'Invalid',
      field: '--cloud-endpoints',
      message: `${name} has no service ecs2 whose address could be set`,
    })
  })

  it('takes addresses of the services of AWS', async () => {
    const endpoints = { ec2: 'https://a.example', sts: 'https://b.example', elasticloadbalancing: 'https://c.example' }
    expect((await open('AWS', endpoints)).provider).toBe('AWS')
  })
})
