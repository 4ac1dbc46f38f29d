import type { CallBudget } from '@trellis/cloudprovider/contract/call-budget'
import { type CallMetrics, noCallMetrics } from '@trellis/cloudprovider/contract/call-metrics'
import type { Clock } from '@trellis/foundation/clock'
import type { EndpointWish } from './catalogue.ts'
import { createOpenStackClient, type OpenStackClient } from './client.ts'
import { createConnection } from './connection.ts'
import type { OpenStackCredentials } from './credentials.ts'
import { createHttpExchange } from './http-exchange.ts'
import { createSession } from './session.ts'

/** What a connection to an account needs. */
export interface ConnectOptions {
  readonly clock: Clock
  readonly credentials: OpenStackCredentials
  readonly wish: EndpointWish
  readonly budget: CallBudget
  readonly metrics?: CallMetrics
  /** Where proxies are named; the process's own unless told. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Longest silence of a service before a call counts as failed. */
  readonly silenceMilliseconds?: number
}

/** A client of an account in a region; nothing is sent before the first call. Disposing it closes its connections. */
export function connectOpenStack(options: ConnectOptions): OpenStackClient {
  const { clock, credentials, wish, budget, metrics = noCallMetrics, environment = process.env } = options
  const exchange = createHttpExchange(credentials, environment, options.silenceMilliseconds)
  const session = createSession({ clock, exchange, credentials, wish, budget, metrics })
  const connection = createConnection({ exchange, session, budget, metrics })
  return createOpenStackClient(connection, wish.region, () => exchange[Symbol.dispose]())
}
