import { expect, it } from 'vitest'
import { type DeviceUnderTest, describeDevice } from '../testing/device-conformance.ts'
import { openLaboratory, runnerIn } from '../testing/namespaces.ts'
import { takePort } from '../testing/taken-port.ts'
import { ensureLink, removeLink } from './link.ts'
import { createWgDevice } from './wg-device.ts'

/** A device of the kernel in a network namespace of its own. */
async function open(): Promise<DeviceUnderTest> {
  const laboratory = openLaboratory()
  const namespace = await laboratory.namespace('kernel')
  const runner = runnerIn(namespace)
  const interfaceName = `wgk${laboratory.id}`
  await ensureLink(runner, interfaceName, 'kernel')
  await namespace.run('ip', 'link', 'set', 'dev', interfaceName, 'up')
  return {
    device: createWgDevice({ runner, interfaceName }),
    takenPort: await takePort(namespace, 4711),
    freePort: 4712,
    [Symbol.asyncDispose]: () => laboratory[Symbol.asyncDispose](),
  }
}

describeDevice('a device of the kernel through wg', open)

it('a device of the kernel is made where none is asked for in particular, kept, and not taken for another kind', async () => {
  await using laboratory = openLaboratory()
  const runner = runnerIn(await laboratory.namespace('choice'))
  const name = `wgk${laboratory.id}`
  expect(await ensureLink(runner, name)).toBe('kernel')
  expect(await ensureLink(runner, name)).toBe('kernel')
  await expect(ensureLink(runner, name, 'userspace')).rejects.toMatchObject({ kind: 'Conflict' })
  await removeLink(runner, name)
  expect(await ensureLink(runner, name, 'userspace')).toBe('userspace')
})
