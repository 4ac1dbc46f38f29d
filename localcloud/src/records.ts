import Type from 'typebox'
import {
  flavorNameSchema,
  instantSchema,
  listenerSchema,
  metadataServiceSchema,
  serverFailureSchema,
  serverStateSchema,
  tagsSchema,
} from './schemas.ts'

const strict = { additionalProperties: false } as const
const common = { id: Type.String(), name: Type.String(), tags: tagsSchema, createdAt: instantSchema }

/** A network as it is kept on disk. */
export const networkRecordSchema = Type.Object({ ...common, cidr: Type.String(), publicAddress: Type.String() }, strict)

/** A route as it is kept on disk. */
export const routeRecordSchema = Type.Object(
  {
    id: Type.String(),
    network: Type.String(),
    destination: Type.String(),
    nextHopServer: Type.String(),
    createdAt: instantSchema,
  },
  strict,
)

/** A process that survives the daemon: the id alone may have been given to another one meanwhile, together with the start instant it cannot. */
export const processSchema = Type.Object({ pid: Type.Integer(), startTicks: Type.String() }, strict)

/** A server as it is kept on disk. */
export const serverRecordSchema = Type.Object(
  {
    ...common,
    network: Type.String(),
    image: Type.String(),
    flavor: flavorNameSchema,
    userData: Type.String(),
    state: serverStateSchema,
    privateAddress: Type.String(),
    publicAddress: Type.String(),
    metadataService: Type.Optional(metadataServiceSchema),
    failure: Type.Optional(serverFailureSchema),
    process: Type.Optional(processSchema),
  },
  strict,
)

/** A load balancer as it is kept on disk. */
export const loadBalancerRecordSchema = Type.Object(
  {
    ...common,
    network: Type.String(),
    address: Type.String(),
    listeners: Type.Array(listenerSchema),
    targets: Type.Array(Type.String()),
  },
  strict,
)

/** A network as it is kept on disk. */
export type NetworkRecord = Type.Static<typeof networkRecordSchema>
/** A route as it is kept on disk. */
export type RouteRecord = Type.Static<typeof routeRecordSchema>
/** A process that survives the daemon. */
export type ProcessRecord = Type.Static<typeof processSchema>
/** A server as it is kept on disk. */
export type ServerRecord = Type.Static<typeof serverRecordSchema>
/** A load balancer as it is kept on disk. */
export type LoadBalancerRecord = Type.Static<typeof loadBalancerRecordSchema>
