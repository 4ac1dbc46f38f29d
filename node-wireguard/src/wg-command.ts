import type { Operation, PeerChange } from './device.ts'
import { formatEndpoint } from './endpoint.ts'

/** A word of a command line: text, or a secret that has to be handed over in a file. */
export type Word = string | { readonly secret: string }

/** Arguments of one `wg set` that makes all these changes. */
export function encodeWgSet(interfaceName: string, operations: readonly Operation[]): readonly Word[] {
  return ['set', interfaceName, ...operations.flatMap(wordsOf)]
}

function wordsOf(operation: Operation): Word[] {
  switch (operation.kind) {
    case 'set-private-key':
      return ['private-key', { secret: operation.privateKey }]
    case 'set-listen-port':
      return ['listen-port', String(operation.listenPort)]
    case 'set-firewall-mark':
      return ['fwmark', operation.firewallMark === 0 ? 'off' : String(operation.firewallMark)]
    case 'remove-peer':
      return ['peer', operation.publicKey, 'remove']
    case 'change-peer':
      return ['peer', operation.publicKey, ...changeWords(operation)]
    case 'add-peer': {
      const { publicKey, presharedKey, endpoint, persistentKeepaliveSeconds, allowedAddresses: all } = operation.peer
      const change: PeerChange = {
        ...(presharedKey === undefined ? {} : { presharedKey }),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(persistentKeepaliveSeconds === undefined ? {} : { persistentKeepaliveSeconds }),
        allowedAddresses: { all, added: all, replace: true },
      }
      return ['peer', publicKey, ...changeWords(change)]
    }
  }
}

function changeWords(change: PeerChange): Word[] {
  const words: Word[] = []
  const { presharedKey, endpoint, persistentKeepaliveSeconds, allowedAddresses } = change
  if (presharedKey !== undefined)
    words.push('preshared-key', presharedKey === 'none' ? '/dev/null' : { secret: presharedKey })
  if (endpoint !== undefined) words.push('endpoint', formatEndpoint(endpoint))
  if (persistentKeepaliveSeconds !== undefined) words.push('persistent-keepalive', String(persistentKeepaliveSeconds))
  // The whole set: older versions of wg know no way to add to one.
  if (allowedAddresses !== undefined) words.push('allowed-ips', allowedAddresses.all.join(','))
  return words
}
