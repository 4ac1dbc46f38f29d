import type { Cidr } from '../address.ts'
import type { TunnelSettings } from './settings.ts'

/** Which connections have lost the home at the other end that lent them its address. Nothing can come of them any more: their answers would go to an address that is gone. */
export interface LostConnections {
  /** Takes note of the home by which each destination is reached now and returns the destinations whose home was another one before; each change is returned once. */
  since(homes: ReadonlyMap<Cidr, string>): readonly Cidr[]
}

/** Begins without knowing any home. */
export function createLostConnections(): LostConnections {
  const known = new Map<Cidr, string>()
  return {
    since: (homes) => {
      const lost = [...homes].filter(([network, home]) => (known.get(network) ?? home) !== home)
      for (const [network, home] of homes) known.set(network, home)
      return lost.map(([network]) => network)
    },
  }
}

/**
 * What processes of this host call these networks. Those that only one group calls so are left out: connections of the others to networks of
 * the same name have nothing to do with the tunnel.
 */
export function namesHere(
  networks: readonly Cidr[],
  { translation }: Pick<TunnelSettings, 'translation'>,
): readonly Cidr[] {
  return networks.flatMap((network) => {
    const mapping = translation.remote.find(({ mapped }) => mapped === network)
    if (mapping === undefined) return [network]
    return translation.groupId === undefined ? [mapping.real] : []
  })
}
