import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { type DeviceUnderTest, describeDevice } from '../testing/device-conformance.ts'
import { eventually } from '../testing/eventually.ts'
import { openLaboratory, runnerIn } from '../testing/namespaces.ts'
import { wireGuardGoProgram } from '../testing/programs.ts'
import { takePort } from '../testing/taken-port.ts'
import type { WireGuardDevice } from './device.ts'
import { ensureLink } from './link.ts'
import { createUapiClient, socketPathOf } from './uapi-client.ts'
import { createUapiDevice } from './uapi-device.ts'
import { createWgDevice } from './wg-device.ts'

const clock = createSystemClock()
const uapiDevice = (name: string) => createUapiDevice(createUapiClient({ clock, socketPath: socketPathOf(name) }))
const wgDevice = (name: string) => createWgDevice({ runner: createCommandRunner(), interfaceName: name })

/** A wireguard-go in a network namespace of its own. */
async function open(make: (interfaceName: string) => WireGuardDevice): Promise<DeviceUnderTest> {
  const laboratory = openLaboratory()
  const namespace = await laboratory.namespace('device')
  const interfaceName = `wgd${laboratory.id}`
  laboratory.removeLater(socketPathOf(interfaceName))
  namespace.start(wireGuardGoProgram(), ['--foreground', interfaceName])
  const device = make(interfaceName)
  await eventually('the device', () => uapiDevice(interfaceName).read())
  await namespace.run('ip', 'link', 'set', 'dev', interfaceName, 'up')
  return {
    device,
    takenPort: await takePort(namespace, 4711),
    freePort: 4712,
    [Symbol.asyncDispose]: () => laboratory[Symbol.asyncDispose](),
  }
}

describeDevice('wireguard-go over its socket', () => open(uapiDevice))
describeDevice('wireguard-go through wg', () => open(wgDevice))

describe('a device that is not there', () => {
  it('is not found over the socket', async () => {
    await expect(uapiDevice('wgnosuch').read()).rejects.toMatchObject({ kind: 'NotFound' })
  })

  it('is not found through wg', async () => {
    await expect(wgDevice('wgnosuch').read()).rejects.toMatchObject({ kind: 'NotFound' })
  })
})

describe('wg at an interface that it cannot configure', () => {
  it('says what is the matter', async () => {
    await using laboratory = openLaboratory()
    const namespace = await laboratory.namespace('refusals')
    const runner = runnerIn(namespace)
    const unserved = `un${laboratory.id}`
    await ensureLink(runner, unserved, 'userspace')
    const read = (interfaceName: string) => createWgDevice({ runner, interfaceName }).read()
    await expect(read('absent0')).rejects.toMatchObject({ kind: 'NotFound', remedy: 'make the interface first' })
    await expect(read(unserved)).rejects.toMatchObject({ kind: 'NotFound', remedy: 'see whether wireguard-go runs' })
    await expect(read('lo')).rejects.toMatchObject({ kind: 'Conflict' })
  })
})
