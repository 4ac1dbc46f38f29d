import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import type { TlsLimits } from './tls/tls-door.ts'
import type { FlowLimits } from './udp/flow-table.ts'
import type { SortingLimits } from './udp/sorter.ts'

const closed = { additionalProperties: false }
const port = Type.Integer({ minimum: 0, maximum: 65_535 })
const addresses = Type.Array(Type.String(), { minItems: 1, maxItems: 16 })
const rate = Type.Object({ perSecond: Type.Integer({ minimum: 1 }), burst: Type.Integer({ minimum: 1 }) }, closed)
const count = Type.Integer({ minimum: 1 })

/** The configuration file of the front door. */
export const configurationSchema = Type.Object(
  {
    /** Where it is told what it leads to: at least one of both. */
    destinations: Type.Object(
      {
        /** A file, or a folder of `*.json` files; watched. */
        files: Type.Optional(Type.String({ minLength: 1 })),
        /** Labelled Services of the cluster of this kubeconfig; without one, of this pod's. */
        services: Type.Optional(Type.Object({ kubeconfig: Type.Optional(Type.String({ minLength: 1 })) }, closed)),
      },
      { ...closed, minProperties: 1 },
    ),
    udp: Type.Object(
      {
        addresses: Type.Optional(addresses),
        port: Type.Integer({ minimum: 1, maximum: 65_535 }),
        /** `automatic`: by the kernel where it can, else by this program. `kernel` refuses to start without it. */
        forwarding: Type.Optional(Type.Enum(['automatic', 'kernel', 'userspace'])),
        limits: Type.Optional(
          Type.Object(
            {
              perNetwork: Type.Optional(rate),
              keyChecks: Type.Optional(rate),
              sourcesPerDestination: Type.Optional(count),
              waitingPerDestination: Type.Optional(count),
            },
            closed,
          ),
        ),
      },
      closed,
    ),
    /** Left out: no TCP port is opened. */
    tls: Type.Optional(
      Type.Object(
        {
          addresses: Type.Optional(addresses),
          port: Type.Integer({ minimum: 1, maximum: 65_535 }),
          limits: Type.Optional(
            Type.Object(
              {
                connections: Type.Optional(count),
                connectionsPerAddress: Type.Optional(count),
                helloMilliseconds: Type.Optional(count),
                connectMilliseconds: Type.Optional(count),
                drainMilliseconds: Type.Optional(count),
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    healthHost: Type.Optional(Type.String()),
    healthPort: port,
    logLevel: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'])),
  },
  closed,
)

/** What the file holds. */
export type Configuration = Static<typeof configurationSchema>

/** Checks a configuration file's content; unknown keys are refused. */
export const configurationParser = createParser(configurationSchema, 'configuration of front-door')

/** What holds where the file says nothing. Milliseconds, packets and keys; the README says what they are for. */
export const defaultLimits: FlowLimits & SortingLimits = {
  perNetwork: { perSecond: 400, burst: 2000 },
  keyChecks: { perSecond: 60_000, burst: 120_000 },
  sourcesPerDestination: 64,
  waitingPerDestination: 32,
  answeredMilliseconds: 180_000,
  waitingMilliseconds: 10_000,
}

/** The same for the TLS side. A connection takes two files, and containers often may open a little over a million. */
export const defaultTlsLimits: TlsLimits = {
  connections: 20_000,
  connectionsPerAddress: 4000,
  helloMilliseconds: 5000,
  connectMilliseconds: 3000,
  drainMilliseconds: 20_000,
}
