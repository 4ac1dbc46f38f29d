import type { WireGuardDevice } from './device.ts'
import { appliedOf, difference } from './difference.ts'
import type { UapiClient } from './uapi-client.ts'
import { encodeSet, getRequest, parseState } from './uapi-protocol.ts'

/** A device that a userspace implementation (wireguard-go) serves. */
export function createUapiDevice(client: UapiClient): WireGuardDevice {
  const read = async () => parseState(await client.request(getRequest))
  return {
    read,
    apply: async (configuration) => {
      const operations = difference(await read(), configuration)
      if (operations.length > 0) await client.request(encodeSet(operations))
      return appliedOf(operations)
    },
  }
}
