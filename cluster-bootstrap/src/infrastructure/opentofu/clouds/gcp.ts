import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import type { InfrastructureRequest } from '../../engine.ts'
import { namesOf } from '../../gcp/names.ts'
import type { OpenTofuCloud } from '../cloud.ts'
import { configurationParser } from './configuration.ts'
import { outputsOf } from './output-values.ts'
import { needValue } from './secret-values.ts'

const closed = { additionalProperties: false }
const text = Type.String({ minLength: 1 })

/** Fields of Gardener's `InfrastructureConfig` for GCP that the module has a use for. */
const configurationSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    networks: Type.Optional(
      Type.Object(
        {
          vpc: Type.Optional(
            Type.Object({ name: text, cloudRouter: Type.Optional(Type.Object({ name: text }, closed)) }, closed),
          ),
          cloudNAT: Type.Optional(
            Type.Object({ minPortsPerVM: Type.Optional(Type.Integer({ minimum: 2, maximum: 65536 })) }, closed),
          ),
          workers: Type.Optional(text),
          worker: Type.Optional(text),
          internal: Type.Optional(text),
        },
        closed,
      ),
    ),
  },
  closed,
)

const parse = configurationParser(configurationSchema)

const accounts = createParser(Type.Object({ project_id: text }), 'key of a service account')

/** Values of the variables in `modules/gcp`, as far as more than the module looks at them. */
export interface GcpVariables {
  readonly name: string
  readonly project: string
  readonly region: string
  /** Name of a network of the user's own. */
  readonly network: string | null
  /** Name of a router of the user's own. */
  readonly cloud_router: string | null
  readonly internal_cidr: string | null
}

/** GCP, with the provider of `hashicorp/google`. What looks at the cloud is left to the caller: without it only what was noted is taken over. */
export function gcpModule(looks: Pick<OpenTofuCloud, 'findExisting' | 'removeLeftovers'> = {}): OpenTofuCloud {
  return {
    ...looks,
    module: 'gcp',
    variables: variablesOf,
    environment: ({ secret }) => ({ GOOGLE_CREDENTIALS: accountOf(secret) }),
    secretEnvironment: ['GOOGLE_CREDENTIALS'],
    outputs: (values) => outputsOf(values, ['network', 'subnetwork', 'cloudRouter', 'serviceAccountEmail']),
    // Identifiers of this provider are the paths that it imports by.
    importId: (address, identifiers) => identifiers[address],
  }
}

function variablesOf({ technicalId, region, networks, configuration, secret }: InfrastructureRequest) {
  const config = parse(configuration).networks
  return {
    name: technicalId,
    project: projectOf(secret),
    region,
    service_account_id: namesOf(technicalId).serviceAccount,
    network: config?.vpc?.name ?? null,
    cloud_router: config?.vpc?.cloudRouter?.name ?? null,
    nodes_cidr: config?.workers ?? config?.worker ?? networks.nodes,
    pods_cidr: networks.pods,
    internal_cidr: config?.internal ?? null,
    ...(config?.cloudNAT?.minPortsPerVM === undefined ? {} : { min_ports_per_vm: config.cloudNAT.minPortsPerVM }),
  }
}

function accountOf(secret: Readonly<Record<string, string>>): string {
  return needValue(secret, 'serviceAccountJSON', 'serviceaccount.json')
}

/** Parsers quote what they do not understand, so nothing of the key gets into a message. */
function projectOf(secret: Readonly<Record<string, string>>): string {
  if (secret.projectID !== undefined && secret.projectID !== '') return secret.projectID
  let account: unknown
  try {
    account = JSON.parse(accountOf(secret))
  } catch (error) {
    if (error instanceof Failure) throw error
  }
  if (accounts.fits(account)) return account.project_id
  throw new Failure('Invalid', 'is no key of a service account', { field: 'secret.serviceAccountJSON' })
}
