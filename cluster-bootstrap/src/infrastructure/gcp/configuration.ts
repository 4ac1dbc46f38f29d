import { type Cidr, overlaps, parseCidr } from '@trellis/api/cidr'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const name = (description: string) => Type.String({ pattern: '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$', description })
const range = (description: string) => Type.String({ minLength: 1, description })

/** Schema of `spec.provider.infrastructureConfig` of shoots at Google Cloud. */
export const configurationSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.Literal('InfrastructureConfig')),
    networks: Type.Object(
      {
        vpc: Type.Optional(
          Type.Object(
            {
              name: name('Network that is there already; one of its own is made for the shoot when absent.'),
              cloudRouter: Type.Optional(
                Type.Object(
                  { name: name('Router that is there already in that network and region.') },
                  { additionalProperties: false },
                ),
              ),
            },
            { additionalProperties: false },
          ),
        ),
        workers: Type.Optional(range('Range of the nodes; the one of the shoot when absent.')),
        internal: Type.Optional(range('Range for load balancers inside the network; no such subnetwork when absent.')),
        cloudNAT: Type.Optional(
          Type.Object(
            {
              natIPNames: Type.Optional(
                Type.Array(
                  Type.Object({ name: name('Address that is reserved already.') }, { additionalProperties: false }),
                  { minItems: 1 },
                ),
              ),
              minPortsPerVM: Type.Optional(Type.Integer({ minimum: 2, maximum: 65_536 })),
              maxPortsPerVM: Type.Optional(Type.Integer({ minimum: 64, maximum: 65_536 })),
              enableDynamicPortAllocation: Type.Optional(Type.Boolean()),
              endpointIndependentMapping: Type.Optional(
                Type.Object({ enabled: Type.Boolean() }, { additionalProperties: false }),
              ),
            },
            { additionalProperties: false },
          ),
        ),
        flowLogs: Type.Optional(
          Type.Object(
            {
              aggregationInterval: Type.Optional(
                Type.Enum([
                  'INTERVAL_5_SEC',
                  'INTERVAL_30_SEC',
                  'INTERVAL_1_MIN',
                  'INTERVAL_5_MIN',
                  'INTERVAL_10_MIN',
                  'INTERVAL_15_MIN',
                ]),
              ),
              flowSampling: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
              metadata: Type.Optional(Type.Enum(['INCLUDE_ALL_METADATA', 'EXCLUDE_ALL_METADATA'])),
            },
            { additionalProperties: false },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

type Written = Static<typeof configurationSchema>

/** What a shoot's infrastructure is to be, checked. */
export interface GoogleInfrastructure {
  /** Network and router that are there already. */
  readonly given: { readonly network?: string; readonly router?: string }
  readonly nodes: string
  readonly internal: string | undefined
  readonly nat: NonNullable<Written['networks']['cloudNAT']>
  readonly flowLogs: Written['networks']['flowLogs']
}

const parser = createParser(configurationSchema, 'infrastructureConfig of a shoot at Google Cloud')
const root = 'spec.provider.infrastructureConfig'

/** The checked configuration; `nodes` is the shoot's range of nodes. Throws `Invalid` with the field, as in `spec.provider.infrastructureConfig.networks.workers`. */
export function parseConfiguration(input: unknown, nodes: string): GoogleInfrastructure {
  const { networks } = parse(input ?? { networks: {} })
  const { vpc, internal, cloudNAT: nat = {}, flowLogs } = networks
  const workers = networks.workers ?? nodes
  const whole = rangeOf('workers', workers)
  if (!contains(rangeOf('workers', nodes), whole))
    refuse('networks.workers', `${workers} is not in the shoot's range of nodes ${nodes}`)
  if (internal !== undefined && overlaps(rangeOf('internal', internal), whole)) {
    refuse('networks.internal', `${internal} overlaps the range of nodes ${workers}`)
  }
  if (nat.maxPortsPerVM !== undefined && !(nat.enableDynamicPortAllocation ?? false)) {
    refuse(
      'networks.cloudNAT.maxPortsPerVM',
      'only dynamic allocation of ports has a limit',
      'set enableDynamicPortAllocation',
    )
  }
  if ((nat.enableDynamicPortAllocation ?? false) && (nat.endpointIndependentMapping?.enabled ?? false)) {
    refuse(
      'networks.cloudNAT.endpointIndependentMapping',
      'the cloud has no such mapping with dynamic allocation of ports',
    )
  }
  return {
    given: {
      ...(vpc === undefined ? {} : { network: vpc.name }),
      ...(vpc?.cloudRouter === undefined ? {} : { router: vpc.cloudRouter.name }),
    },
    nodes: workers,
    internal,
    nat,
    flowLogs,
  }
}

function parse(input: unknown): Written {
  try {
    return parser.parse(input)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const field = error.field === undefined || error.field === '(root)' ? root : `${root}.${error.field}`
    throw new Failure('Invalid', error.message, { field })
  }
}

function refuse(field: string, message: string, remedy?: string): never {
  throw new Failure('Invalid', message, { field: `${root}.${field}`, ...(remedy === undefined ? {} : { remedy }) })
}

/** A range of version 4: the cloud has no others for subnetworks. */
function rangeOf(field: string, text: string): Cidr {
  const range = parseCidr(text)
  if (range === undefined) return refuse(`networks.${field}`, `${text} is no range of addresses, as in 10.250.0.0/16`)
  if (range.text === text) return range
  return refuse(`networks.${field}`, `${text} does not begin where such a range begins`, `write ${range.text}`)
}

function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

/** Whether a subnetwork of range `present` can grow into `wanted`: ranges only ever grow around what they hold. */
export function canGrow(present: string, wanted: string): boolean {
  return contains(rangeOf('workers', wanted), rangeOf('workers', present))
}
