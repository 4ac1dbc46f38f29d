import { type Static, Type } from 'typebox'
import type { InfrastructureRequest } from '../../engine.ts'
import type { Existing, OpenTofuCloud } from '../cloud.ts'
import { configurationParser, wrongField } from './configuration.ts'
import { outputsOf } from './output-values.ts'
import { environmentOf, findValue, needValue } from './secret-values.ts'
import { findPublicKey, unownedPublicKey } from './ssh-key.ts'

const closed = { additionalProperties: false }
const name = Type.String({ minLength: 1 })

/** Fields of Gardener's `InfrastructureConfig` for OpenStack that the module has a use for. */
const configurationSchema = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    floatingPoolName: name,
    floatingPoolSubnetName: Type.Optional(name),
    networks: Type.Optional(
      Type.Object(
        {
          id: Type.Optional(name),
          subnetId: Type.Optional(name),
          dnsServers: Type.Optional(Type.Array(name, { maxItems: 10 })),
          router: Type.Optional(Type.Object({ id: name }, closed)),
          workers: Type.Optional(name),
          worker: Type.Optional(name),
        },
        closed,
      ),
    ),
  },
  closed,
)

const parse = configurationParser(configurationSchema)

/** Values of the variables in `modules/openstack`. */
export interface OpenStackVariables {
  readonly name: string
  readonly region: string
  readonly nodes_cidr: string
  readonly pods_cidr: string
  readonly floating_pool_name: string
  readonly floating_pool_subnet_name: string | null
  readonly router_id: string | null
  readonly network_id: string | null
  readonly subnet_id: string | null
  readonly dns_servers: readonly string[]
  readonly ssh_public_key: string
}

/** What the module for OpenStack is set up with. */
export interface OpenStackModuleOptions {
  /** Name servers of machines; the network's own unless told. */
  readonly dnsServers?: readonly string[]
  /** Looks for what a run made that was killed before it could say so. */
  readonly findExisting: (request: InfrastructureRequest, variables: OpenStackVariables) => Promise<Existing>
  readonly removeLeftovers: (request: InfrastructureRequest, variables: OpenStackVariables) => Promise<void>
}

const neededOutputs = [
  'router',
  'network',
  'subnet',
  'securityGroup',
  'securityGroupName',
  'keyName',
  'floatingNetwork',
]

/** OpenStack, with the provider of `terraform-provider-openstack/openstack`. */
export function openStackModule(options: OpenStackModuleOptions): OpenTofuCloud {
  const { dnsServers = [], findExisting, removeLeftovers } = options
  return {
    module: 'openstack',
    variables: (request) => ({ ...variablesOf(request, dnsServers) }),
    environment: environmentOfOpenStack,
    secretEnvironment: ['OS_PASSWORD', 'OS_APPLICATION_CREDENTIAL_SECRET', 'OS_KEY'],
    outputs: (values) => outputsOf(values, neededOutputs),
    // Every resource of this module is imported by the identifier that it has.
    importId: (address, identifiers) => identifiers[address],
    // Variables come from `variables` above, also those that were stored.
    findExisting: (request, variables) => findExisting(request, variables as unknown as OpenStackVariables),
    removeLeftovers: (request, variables) => removeLeftovers(request, variables as unknown as OpenStackVariables),
  }
}

function variablesOf(
  { technicalId, region, networks, configuration, secret }: InfrastructureRequest,
  dnsServers: readonly string[],
): OpenStackVariables {
  const config: Static<typeof configurationSchema> = parse(configuration)
  if (config.networks?.subnetId !== undefined && config.networks.id === undefined) {
    throw wrongField('networks.id', 'is missing', 'give the network that networks.subnetId is in')
  }
  return {
    name: technicalId,
    region,
    nodes_cidr: config.networks?.workers ?? config.networks?.worker ?? networks.nodes,
    pods_cidr: networks.pods,
    floating_pool_name: config.floatingPoolName,
    floating_pool_subnet_name: config.floatingPoolSubnetName ?? null,
    router_id: config.networks?.router?.id ?? null,
    network_id: config.networks?.id ?? null,
    subnet_id: config.networks?.subnetId ?? null,
    dns_servers: config.networks?.dnsServers ?? dnsServers,
    ssh_public_key: findPublicKey(secret) ?? unownedPublicKey(technicalId),
  }
}

/** The provider takes certificates and keys as text, too. */
function environmentOfOpenStack({ secret, region }: InfrastructureRequest): Readonly<Record<string, string>> {
  const application = findValue(secret, 'applicationCredentialSecret')
  return environmentOf({
    OS_AUTH_URL: needValue(secret, 'authURL'),
    OS_REGION_NAME: region,
    OS_CACERT: findValue(secret, 'caCert'),
    OS_CERT: findValue(secret, 'clientCert'),
    OS_KEY: findValue(secret, 'clientKey'),
    OS_INSECURE: findValue(secret, 'insecure'),
    OS_USER_DOMAIN_NAME: findValue(secret, 'userDomainName', 'domainName'),
    OS_USER_DOMAIN_ID: findValue(secret, 'userDomainID', 'domainID'),
    ...(application === undefined ? passwordOf(secret) : applicationOf(secret, application)),
  })
}

/** An application credential says itself which project it is for; the provider refuses to be told again. */
function applicationOf(secret: Readonly<Record<string, string>>, value: string) {
  return {
    OS_APPLICATION_CREDENTIAL_SECRET: value,
    OS_APPLICATION_CREDENTIAL_ID: findValue(secret, 'applicationCredentialID'),
    OS_APPLICATION_CREDENTIAL_NAME: findValue(secret, 'applicationCredentialName'),
    OS_USERNAME: findValue(secret, 'username'),
  }
}

function passwordOf(secret: Readonly<Record<string, string>>) {
  const projectId = findValue(secret, 'tenantID')
  return {
    OS_USERNAME: needValue(secret, 'username'),
    OS_PASSWORD: needValue(secret, 'password'),
    OS_PROJECT_ID: projectId,
    OS_PROJECT_NAME:
      projectId === undefined ? needValue(secret, 'tenantName', 'tenantID') : findValue(secret, 'tenantName'),
    OS_PROJECT_DOMAIN_NAME: findValue(secret, 'domainName'),
    OS_PROJECT_DOMAIN_ID: findValue(secret, 'domainID'),
  }
}
