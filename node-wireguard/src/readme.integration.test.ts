import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openLaboratory } from '../testing/namespaces.ts'
import { startUserspaceDevice } from '../testing/userspace-device.ts'

const room = join(import.meta.dirname, '..')

describe('the example of the README', () => {
  it('configures a device, and changes nothing but the key that it makes anew when it runs again', async () => {
    const readme = await readFile(join(room, 'README.md'), 'utf8')
    const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? ''
    expect(example).toContain("socketPathOf('wg0')")
    await using laboratory = openLaboratory()
    const namespace = await laboratory.namespace('readme')
    const interfaceName = `rm${laboratory.id}`
    const device = await startUserspaceDevice(laboratory, namespace, interfaceName)
    // As a module of this room, so that its imports are found.
    const run = () =>
      namespace.run(
        ...(['env', `--chdir=${room}`, process.execPath, '--input-type=module-typescript', '--eval'] as const),
        example.replace("'wg0'", `'${interfaceName}'`),
      )
    expect(await run()).toMatch(/^\S{43}= \[.*'set-listen-port'.*'add-peer'.*\]\n$/s)
    const { listenPort, peers } = await device.read()
    expect({ listenPort, allowed: peers.map((peer) => peer.allowedAddresses) }).toEqual({
      listenPort: 51_820,
      allowed: [['10.8.0.0/16']],
    })
    expect(await run()).toMatch(/^\S{43}= \[ { kind: 'set-private-key' } \]\n$/)
  })
})
