import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'
import type { InfrastructureRequest } from '../../engine.ts'
import type { Existing, ModuleExtras, OpenTofuCloud } from '../cloud.ts'
import { outputsOf } from './output-values.ts'
import { environmentOf, findValue, needValue } from './secret-values.ts'

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

const parser = createParser(configurationSchema, 'infrastructureConfig')

/** Values of the variables in `modules/openstack`. */
export interface OpenStackVariables {
  readonly name: string
  readonly region: string
  readonly nodes_cidr: string
  readonly floating_pool_name: string
  readonly floating_pool_subnet_name: string | null
  readonly router_id: string | null
  readonly network_id: string | null
  readonly dns_servers: readonly string[]
  readonly ssh_public_key: string | null
}

/** What the module for OpenStack is set up with. */
export interface OpenStackModuleOptions {
  /** Name servers of machines; the network's own unless told. */
  readonly dnsServers?: readonly string[]
  /** Looks for what a run made that was killed before it could say so. */
  readonly findExisting: (
    secret: Readonly<Record<string, string>>,
    variables: OpenStackVariables,
    signal: AbortSignal,
  ) => Promise<Existing>
}

/** OpenStack, with the provider of `terraform-provider-openstack/openstack`. */
export function openStackModule({ dnsServers = [], findExisting }: OpenStackModuleOptions): OpenTofuCloud {
  return {
    module: 'openstack',
    variables: (request, extras) => ({ ...variablesOf(request, extras, dnsServers) }),
    environment: environmentOfOpenStack,
    secretEnvironment: ['OS_PASSWORD', 'OS_APPLICATION_CREDENTIAL_SECRET', 'OS_KEY'],
    outputs: (values) =>
      outputsOf(values, ['router', 'network', 'subnet', 'securityGroup', 'securityGroupID', 'floatingNetwork']),
    // Every resource of this module is imported by the identifier that it has.
    importId: (address, identifiers) => identifiers[address],
    findExisting: ({ secret, signal }, variables) =>
      // Variables come from `variables` above, also those that were stored.
      findExisting(secret, variables as unknown as OpenStackVariables, signal),
  }
}

function variablesOf(
  { technicalId, region, networks, configuration }: InfrastructureRequest,
  { sshPublicKey }: ModuleExtras,
  dnsServers: readonly string[],
): OpenStackVariables {
  const config: Static<typeof configurationSchema> = parser.parse(configuration ?? {})
  return {
    name: technicalId,
    region,
    nodes_cidr: config.networks?.workers ?? config.networks?.worker ?? networks.nodes,
    floating_pool_name: config.floatingPoolName,
    floating_pool_subnet_name: config.floatingPoolSubnetName ?? null,
    router_id: config.networks?.router?.id ?? null,
    network_id: config.networks?.id ?? null,
    dns_servers: dnsServers,
    ssh_public_key: sshPublicKey ?? null,
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
