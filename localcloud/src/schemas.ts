import Type from 'typebox'

const strict = { additionalProperties: false } as const

/** Longest user-data in bytes; checked apart from the schema, which counts characters. */
export const userDataLimitBytes = 16_384

/** A name as in RFC 1123: it becomes a host name. */
export const nameSchema = Type.String({
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
  description:
    'RFC 1123 label: 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit',
})
export const instantSchema = Type.String({ description: 'RFC 3339 instant' })
export const tagsSchema = Type.Record(Type.String(), Type.String(), {
  description: 'free text, to find resources again',
})
export const flavorNameSchema = Type.String()
const portSchema = Type.Integer({ minimum: 1, maximum: 65_535 })

export const serverStateSchema = Type.Union(
  ['creating', 'running', 'stopped', 'failed', 'deleting'].map((state) => Type.Literal(state)) as [
    Type.TLiteral<'creating'>,
    Type.TLiteral<'running'>,
    Type.TLiteral<'stopped'>,
    Type.TLiteral<'failed'>,
    Type.TLiteral<'deleting'>,
  ],
)
export const serverFailureSchema = Type.Object(
  { kind: Type.String(), message: Type.String(), remedy: Type.Optional(Type.String()) },
  strict,
)
export const listenerSchema = Type.Object(
  {
    name: nameSchema,
    protocol: Type.Union([Type.Literal('TCP'), Type.Literal('UDP')]),
    port: portSchema,
    targetPort: portSchema,
  },
  strict,
)

/** Body of `POST /v1/networks`. */
export const networkRequestSchema = Type.Object(
  { name: nameSchema, cidr: Type.String(), tags: Type.Optional(tagsSchema) },
  strict,
)
/** Body of `POST /v1/networks/{id}/routes`. */
export const routeRequestSchema = Type.Object({ destination: Type.String(), nextHopServer: Type.String() }, strict)
/** The metadata services that a machine can be told to ask, as cloud-init calls them. */
export const datasourceSchema = Type.Union([Type.Literal('Ec2'), Type.Literal('OpenStack')])
/** Who tells a server about itself in this cloud's stead. */
export const metadataServiceSchema = Type.Object(
  {
    url: Type.String({
      pattern: '^http://[0-9.]+:[0-9]{1,5}$',
      description: 'where requests for instance metadata go, with the id of the server in the header X-Instance-Id',
    }),
    datasource: datasourceSchema,
  },
  strict,
)

/** Body of `POST /v1/servers`. */
export const serverRequestSchema = Type.Object(
  {
    name: nameSchema,
    network: Type.String({ description: 'id or name of the network' }),
    image: Type.String(),
    flavor: Type.String(),
    userData: Type.String({ description: `text for cloud-init, at most ${userDataLimitBytes} bytes` }),
    tags: Type.Optional(tagsSchema),
    privateAddress: Type.Optional(
      Type.String({ description: 'a free address of the network; the next one unless told' }),
    ),
    metadataService: Type.Optional(metadataServiceSchema),
  },
  strict,
)
/** Body of `PUT /v1/load-balancers/{name}`. */
export const loadBalancerRequestSchema = Type.Object(
  {
    network: Type.String({ description: 'id or name of the network' }),
    listeners: Type.Array(listenerSchema, { maxItems: 64 }),
    targets: Type.Array(Type.String(), { description: 'ids of servers of that network', maxItems: 256 }),
    tags: Type.Optional(tagsSchema),
  },
  strict,
)

const resource = { id: Type.String(), name: Type.String(), tags: tagsSchema, createdAt: instantSchema }

export const networkSchema = Type.Object(
  { ...resource, cidr: Type.String(), gateway: Type.String(), publicAddress: Type.String() },
  strict,
)
export const routeSchema = Type.Object(
  {
    id: Type.String(),
    network: Type.String(),
    destination: Type.String(),
    nextHopServer: Type.String(),
    createdAt: instantSchema,
  },
  strict,
)
export const serverSchema = Type.Object(
  {
    ...resource,
    network: Type.String(),
    image: Type.String(),
    flavor: Type.String(),
    state: serverStateSchema,
    privateAddress: Type.String(),
    publicAddress: Type.String({ description: "source of the server's own traffic in the public network" }),
    metadataService: Type.Optional(metadataServiceSchema),
    failure: Type.Optional(serverFailureSchema),
  },
  strict,
)
export const loadBalancerSchema = Type.Object(
  {
    ...resource,
    network: Type.String(),
    address: Type.String(),
    listeners: Type.Array(listenerSchema),
    targets: Type.Array(Type.String()),
  },
  strict,
)
export const flavorSchema = Type.Object(
  { name: Type.String(), cores: Type.Number(), memoryBytes: Type.Integer() },
  strict,
)
export const imageSchema = Type.Object({ name: nameSchema, layers: Type.Array(Type.String(), { minItems: 1 }) }, strict)
const usageSchema = Type.Object({ limit: Type.Number(), used: Type.Number() }, strict)
export const quotaSchema = Type.Object({ servers: usageSchema, cores: usageSchema, memoryBytes: usageSchema }, strict)
export const problemSchema = Type.Object({ file: Type.String(), message: Type.String(), remedy: Type.String() }, strict)
export const versionSchema = Type.Object(
  {
    version: Type.String(),
    instance: Type.String(),
    endpoint: Type.String(),
    problems: Type.Array(problemSchema, { description: 'state files that cannot be read' }),
  },
  strict,
)
export const errorSchema = Type.Object(
  {
    error: Type.Object(
      {
        kind: Type.String(),
        message: Type.String(),
        field: Type.Optional(Type.String()),
        remedy: Type.Optional(Type.String()),
      },
      strict,
    ),
  },
  strict,
)

/** `images.json`, which whoever makes images writes. */
export const imagesFileSchema = Type.Object({ images: Type.Array(imageSchema) }, strict)

export type Datasource = Type.Static<typeof datasourceSchema>
export type NetworkRequest = Type.Static<typeof networkRequestSchema>
export type RouteRequest = Type.Static<typeof routeRequestSchema>
export type ServerRequest = Type.Static<typeof serverRequestSchema>
export type LoadBalancerRequest = Type.Static<typeof loadBalancerRequestSchema>
export type Network = Type.Static<typeof networkSchema>
export type Server = Type.Static<typeof serverSchema>
export type LoadBalancer = Type.Static<typeof loadBalancerSchema>
export type Route = Type.Static<typeof routeSchema>
export type Flavor = Type.Static<typeof flavorSchema>
export type Image = Type.Static<typeof imageSchema>
export type Quota = Type.Static<typeof quotaSchema>
export type Version = Type.Static<typeof versionSchema>
export type Problem = Type.Static<typeof problemSchema>
