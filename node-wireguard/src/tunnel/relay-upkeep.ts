import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { type PublicKey, publicKeyOf } from '../key.ts'
import { type RelayServer, type RelayServerState, startRelayServer } from '../relay/server.ts'
import type { LinkSettings, TunnelSettings } from './settings.ts'

/** The door of an end by which links come in inside TLS, where the configuration has one. */
export interface RelayUpkeep extends AsyncDisposable {
  /** Opens, changes or closes the door. Connections of links that stay live on, unless the door itself moves. Throws `Unavailable` when it cannot be opened. */
  take(settings: TunnelSettings, links: readonly LinkSettings[]): Promise<void>
  /** These are the links that may come in from now on; nothing when there is no door. */
  setLinks(links: readonly LinkSettings[]): void
  /** Undefined while there is none. */
  state(): RelayServerState | undefined
}

/** Makes the door's upkeep; there is no door yet. */
export function createRelayUpkeep(ports: {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}): RelayUpkeep {
  let server: RelayServer | undefined
  let opened: TunnelSettings['relay']

  async function close(): Promise<void> {
    await server?.[Symbol.asyncDispose]()
    server = undefined
  }

  return {
    take: async ({ relay, relayProgram: program }, links) => {
      if (relay !== undefined && server !== undefined && isDeepStrictEqual(relay, opened)) {
        server.setLinks(portsOf(links))
        return
      }
      await close()
      opened = relay
      if (relay !== undefined) server = await startRelayServer({ ...ports, ...relay, program, links: portsOf(links) })
    },
    setLinks: (links) => server?.setLinks(portsOf(links)),
    state: () => server?.state(),
    [Symbol.asyncDispose]: close,
  }
}

/** UDP ports of the devices that wait to be dialled, by their public keys. */
function portsOf(links: readonly LinkSettings[]): ReadonlyMap<PublicKey, number> {
  return new Map(
    links.flatMap(({ privateKey, listenPort }) =>
      listenPort === undefined ? [] : [[publicKeyOf(privateKey), listenPort] as const],
    ),
  )
}
