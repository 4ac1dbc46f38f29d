import { describe } from '@trellis/foundation/failure'
import { formatEndpoint, type ResolvedEndpoint } from '../endpoint.ts'
import { type RelayClient, type RelayClientOptions, type RelayClientState, startRelayClient } from './client.ts'
import type { TransportFacts } from './decide.ts'
import type { RelayWay } from './messages.ts'

/** A relay client that exists only while it is wanted. What it is told counts for the one that exists; a new one begins with TLS. */
export interface LazyRelay extends AsyncDisposable {
  /** Says whether there should be one, and where UDP leads. */
  want(wanted: boolean, udpTarget: ResolvedEndpoint | undefined): void
  connection(): TransportFacts['relay']
  endpoint(): ResolvedEndpoint | undefined
  state(): RelayClientState | undefined
  carry(way: RelayWay): void
  tryUdp(everyMilliseconds: number): void
}

const startAgainMilliseconds = 5000

/** Makes one; nothing runs before it is wanted. A relay that does not start is logged and tried again. */
export function createLazyRelay(options: Omit<RelayClientOptions, 'udpTarget'>): LazyRelay {
  const life = createClientLife(options)
  let target: string | undefined
  let every = 0
  return {
    want: (wanted, udpTarget) => {
      if (life.busy()) return
      const client = life.client()
      const text = udpTarget === undefined ? undefined : formatEndpoint(udpTarget)
      if (client === undefined && wanted) {
        life.begin(udpTarget)
        every = 0
      } else if (client !== undefined && !wanted) life.end()
      else if (text !== target) client?.setUdpTarget(udpTarget)
      target = text
    },
    connection: () => {
      const client = life.client()
      return client === undefined ? 'absent' : client.state().connected ? 'connected' : 'dialling'
    },
    endpoint: () => life.client()?.endpoint(),
    state: () => life.client()?.state(),
    carry: (way) => life.client()?.carry(way),
    tryUdp: (everyMilliseconds) => {
      const client = life.client()
      if (client === undefined || everyMilliseconds === every) return
      every = everyMilliseconds
      client.tryUdp(every)
    },
    [Symbol.asyncDispose]: life[Symbol.asyncDispose],
  }
}

/** Begins and ends clients, one after the other. */
interface ClientLife extends AsyncDisposable {
  client(): RelayClient | undefined
  /** Whether one is just beginning or ending. */
  busy(): boolean
  /** Begins one, unless the last try is too recent. */
  begin(udpTarget: ResolvedEndpoint | undefined): void
  end(): void
}

function createClientLife(options: Omit<RelayClientOptions, 'udpTarget'>): ClientLife {
  const { clock, log } = options
  let client: RelayClient | undefined
  let notBefore = 0
  let working: Promise<void> | undefined

  async function begin(udpTarget: ResolvedEndpoint | undefined): Promise<void> {
    try {
      client = await startRelayClient({ ...options, udpTarget })
    } catch (error) {
      notBefore = clock.now() + startAgainMilliseconds
      log.warn({ problem: describe(error) }, 'the relay does not start')
    }
  }

  async function end(): Promise<void> {
    const ending = client
    client = undefined
    await ending?.[Symbol.asyncDispose]()
  }

  const work = (promise: Promise<void>) => {
    working = promise.finally(() => {
      working = undefined
    })
  }
  return {
    client: () => client,
    busy: () => working !== undefined,
    begin: (udpTarget) => {
      if (clock.now() >= notBefore) work(begin(udpTarget))
    },
    end: () => work(end()),
    [Symbol.asyncDispose]: async () => {
      await working
      await end()
    },
  }
}
