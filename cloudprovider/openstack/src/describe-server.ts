import type { ProviderMachine } from '@trellis/cloudprovider/contract/driver'
import type { Server, ServerAddress } from './resources.ts'

/** Provider id of a server, as in `openstack:///RegionOne/2b1c…`. */
export function providerIdOf(region: string, server: { readonly id: string }): string {
  return `openstack:///${region}/${server.id}`
}

/** States of servers that were stopped, by themselves or by somebody. All that is not named here runs: it is being rebooted, resized, moved. */
const states: Readonly<Record<string, ProviderMachine['state']>> = {
  BUILD: 'creating',
  ERROR: 'failed',
  SHUTOFF: 'stopped',
  PAUSED: 'stopped',
  SUSPENDED: 'stopped',
  SHELVED: 'stopped',
  SHELVED_OFFLOADED: 'stopped',
}

/** A server as machines see it. One that ran once and is in `ERROR` has stopped: only what never ran has failed. */
export function describeServer(server: Server, region: string): ProviderMachine {
  const state = states[server.status] ?? 'running'
  const ran = (server['OS-SRV-USG:launched_at'] ?? null) !== null
  const reason = server.fault?.message?.trim()
  return {
    providerId: providerIdOf(region, server),
    nodeName: server.name,
    addresses: addressesOf(server),
    state: state === 'failed' && ran ? 'stopped' : state,
    ...(server.status === 'ERROR' && reason !== undefined ? { reason } : {}),
    initialized: true,
  }
}

function addressesOf(server: Server): ProviderMachine['addresses'] {
  const all: readonly ServerAddress[] = Object.values(server.addresses ?? {}).flat()
  return [
    ...all.map((one) => ({
      type: one['OS-EXT-IPS:type'] === 'floating' ? ('ExternalIP' as const) : ('InternalIP' as const),
      address: one.addr,
    })),
    { type: 'Hostname', address: server.name },
  ]
}
