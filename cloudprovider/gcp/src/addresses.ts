import type { MachineAddress } from '@trellis/api/machine/machine'
import type { Instance } from './client.ts'

/** Addresses of a server, those of its first interface first. */
export function addressesOf({ name, networkInterfaces }: Instance): readonly MachineAddress[] {
  const found = networkInterfaces.flatMap((one): readonly MachineAddress[] => [
    ...given('InternalIP', [one.networkIP, one.ipv6Address]),
    ...given(
      'ExternalIP',
      one.accessConfigs.map(({ natIP }) => natIP),
    ),
    ...given(
      'ExternalIP',
      one.ipv6AccessConfigs.map(({ externalIpv6 }) => externalIpv6),
    ),
  ])
  return [...found, { type: 'Hostname', address: name }]
}

function given(type: MachineAddress['type'], addresses: readonly (string | undefined)[]): readonly MachineAddress[] {
  return addresses
    .filter((one) => one !== undefined && one !== '')
    .map((address) => ({ type, address }) as MachineAddress)
}
