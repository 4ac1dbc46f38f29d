import type { CommandRunner } from '@trellis/foundation/command'
import { describe, expect, it } from 'vitest'
import { createWgDevice } from './wg-device.ts'
import { refusalOfWg } from './wg-refusal.ts'

/** Says this of the interface; undefined: there is none. */
function runnerWith(link: object | undefined): CommandRunner {
  return {
    run: async (program) => {
      if (program === 'wg')
        return { code: 1, stdout: '', stderr: 'Unable to access interface: Operation not supported\n' }
      return link === undefined
        ? { code: 1, stdout: '', stderr: 'Device "wg0" does not exist.' }
        : { code: 0, stdout: JSON.stringify([link]), stderr: '' }
    },
  }
}

const every = 0x1ff_ffff_ffffn
const kernel = { ifname: 'wg0', linkinfo: { info_kind: 'wireguard' } }
const tun = { ifname: 'wg0', linkinfo: { info_kind: 'tun' } }

describe('why wg refuses', () => {
  it.each([
    ['there is no interface', undefined, every, false, 'NotFound', 'make the interface'],
    ['this process lacks NET_ADMIN', kernel, every & ~(1n << 12n), false, 'Unauthorized', 'NET_ADMIN'],
    ['nobody serves the interface', tun, every, false, 'NotFound', 'wireguard-go'],
    ['the interface is another', { ifname: 'wg0', linkinfo: { info_kind: 'veth' } }, every, false, 'Conflict', 'name'],
    ['the interface has no kind', { ifname: 'wg0' }, every, false, 'Conflict', 'name'],
    ['the kernel did not like it', kernel, every, false, 'Unavailable', 'what it says'],
    ['the program did not like it', tun, every, true, 'Unavailable', 'what it says'],
  ] as const)('is told: %s', async (_, link, capabilities, served, kind, remedy) => {
    const failure = await refusalOfWg({
      runner: runnerWith(link),
      interfaceName: 'wg0',
      said: 'whatever\n',
      capabilities: async () => capabilities,
      isServed: () => served,
    })
    expect(failure).toMatchObject({ kind, message: expect.stringContaining('(whatever)') })
    expect(failure.remedy).toContain(remedy)
  })

  it('is what a device throws', async () => {
    const device = createWgDevice({ runner: runnerWith(undefined), interfaceName: 'wg0' })
    await expect(device.read()).rejects.toMatchObject({ kind: 'NotFound' })
  })
})
