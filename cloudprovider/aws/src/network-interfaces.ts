import { type Static, Type } from 'typebox'
import type { NetworkInterfaceSpecification } from './run-request-types.ts'
import { flag, oneOf, refuse, strictObject, text, whole } from './spec-schema.ts'

/** Schema of one network interface of a class. */
export const networkInterfaceSchema = strictObject({
  associatePublicIPAddress: Type.Optional(flag('Whether it gets a public address; what the subnet says unless told.')),
  deleteOnTermination: Type.Optional(flag('Whether it goes with the server; unless told it does.')),
  description: Type.Optional(Type.String({ maxLength: 255, description: 'For people.' })),
  securityGroupIDs: Type.Array(text('Id of a security group.'), { minItems: 1, description: 'Its security groups.' }),
  subnetID: text('Id of its subnet.'),
  ipv6AddressCount: Type.Optional(whole('How many addresses of version 6 it gets.', 0)),
  ipv6PrefixCount: Type.Optional(whole('How many prefixes of version 6 it gets.', 0)),
  primaryIpv6: Type.Optional(
    flag('Whether the first address of version 6 stays for its life; with addresses it does unless told.'),
  ),
  interfaceType: Type.Optional(oneOf('Sort of interface.', ['interface', 'efa', 'efa-only'])),
  networkCardIndex: Type.Optional(whole('Network card that it is on.', 0)),
  deviceIndex: Type.Optional(whole('Its number on the server; its place in the list unless told.', 0)),
})

/** One network interface of a class. */
export type NetworkInterface = Static<typeof networkInterfaceSchema>

/** Its number on the server. */
export function deviceIndexOf(item: NetworkInterface, index: number): number {
  return item.deviceIndex ?? index
}

/** Throws `Invalid` for interfaces that could never be made together. */
export function checkNetworkInterfaces(interfaces: readonly NetworkInterface[]): void {
  const seen = new Set<string>()
  interfaces.forEach((item, index) => {
    const path = `networkInterfaces[${index}]`
    const place = `${item.networkCardIndex ?? 0}/${deviceIndexOf(item, index)}`
    if (seen.has(place)) throw refuse(`${path}.deviceIndex`, 'another interface has the same place on the server')
    seen.add(place)
    if (item.interfaceType === 'efa-only' && (item.ipv6AddressCount ?? item.ipv6PrefixCount ?? 0) > 0) {
      throw refuse(`${path}.interfaceType`, 'an interface that is only for EFA has no addresses')
    }
    if (item.primaryIpv6 === true && (item.ipv6AddressCount ?? 0) === 0) {
      throw refuse(`${path}.primaryIpv6`, 'an interface without addresses of version 6 has no first one')
    }
  })
}

/** Whether the class wants an interface to outlive its server. */
export function keepsInterfaces(interfaces: readonly NetworkInterface[]): boolean {
  return interfaces.some(({ deleteOnTermination }) => deleteOnTermination === false)
}

/** Prefixes that can be asked for together with the server: EC2 takes a number of prefixes or of addresses, not both. */
export function prefixesAtLaunch({ ipv6AddressCount = 0, ipv6PrefixCount = 0 }: NetworkInterface): number {
  return ipv6AddressCount > 0 ? 0 : ipv6PrefixCount
}

/** The interfaces that are sent. */
export function networkInterfaceSpecifications(
  interfaces: readonly NetworkInterface[],
): readonly NetworkInterfaceSpecification[] {
  return interfaces.map((item, index) => {
    const addresses = item.ipv6AddressCount ?? 0
    const prefixes = prefixesAtLaunch(item)
    return {
      DeviceIndex: deviceIndexOf(item, index),
      SubnetId: item.subnetID,
      Groups: [...item.securityGroupIDs],
      DeleteOnTermination: item.deleteOnTermination ?? true,
      ...(item.associatePublicIPAddress === undefined
        ? {}
        : { AssociatePublicIpAddress: item.associatePublicIPAddress }),
      ...(item.description === undefined ? {} : { Description: item.description }),
      ...(addresses === 0 ? {} : { Ipv6AddressCount: addresses, PrimaryIpv6: item.primaryIpv6 ?? true }),
      ...(prefixes === 0 ? {} : { Ipv6PrefixCount: prefixes }),
      ...(item.interfaceType === undefined ? {} : { InterfaceType: item.interfaceType }),
      ...(item.networkCardIndex === undefined ? {} : { NetworkCardIndex: item.networkCardIndex }),
    }
  })
}
