import { type Static, Type } from 'typebox'

/** Schema of one network interface of a server. */
export const networkInterfaceSchema = Type.Object(
  {
    disableExternalIP: Type.Optional(Type.Boolean()),
    network: Type.Optional(Type.String({ maxLength: 2048 })),
    subnetwork: Type.Optional(Type.String({ maxLength: 2048 })),
    stackType: Type.Optional(Type.Enum(['', 'IPV4_ONLY', 'IPV4_IPV6'])),
    ipv6accessType: Type.Optional(Type.Enum(['', 'INTERNAL', 'EXTERNAL'])),
    useAliasIPs: Type.Optional(Type.Boolean()),
    ipCidrRange: Type.Optional(Type.String({ description: 'Size of the alias range, as in /24.' })),
    subnetworkRangeName: Type.Optional(
      Type.String({ description: 'Secondary range of the subnetwork that the alias range comes from.' }),
    ),
  },
  { additionalProperties: false },
)

/** One network interface of a server. */
export type NetworkInterfaceSpec = Static<typeof networkInterfaceSchema>
