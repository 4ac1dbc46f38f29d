import { createSystemClock } from '@trellis/foundation/clock'
import type { WireGuardDevice } from '../src/device.ts'
import { ensureLink } from '../src/link.ts'
import { createUapiClient, socketPathOf } from '../src/uapi-client.ts'
import { createUapiDevice } from '../src/uapi-device.ts'
import { eventually } from './eventually.ts'
import { type Laboratory, type Namespace, runnerIn } from './namespaces.ts'
import { wireGuardGoProgram } from './programs.ts'

/** Starts a wireguard-go behind a persistent interface in a namespace and waits until it answers. Its name must be unlike any other on this machine, since sockets are not in namespaces. */
export async function startUserspaceDevice(
  laboratory: Laboratory,
  namespace: Namespace,
  interfaceName: string,
): Promise<WireGuardDevice> {
  await ensureLink(runnerIn(namespace), interfaceName, 'userspace')
  const socketPath = socketPathOf(interfaceName)
  laboratory.removeLater(socketPath)
  namespace.start(wireGuardGoProgram(), ['--foreground', interfaceName])
  const device = createUapiDevice(createUapiClient({ clock: createSystemClock(), socketPath }))
  await eventually('the device', () => device.read())
  return device
}
