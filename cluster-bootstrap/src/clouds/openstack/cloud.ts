import { Failure } from '@trellis/foundation/failure'
import { parseConfiguration } from '../../infrastructure/openstack/configuration.ts'
import type { SecretData } from '../../secrets/secret-store.ts'
import type { Blueprint } from '../../shoot/blueprint.ts'
import type { CloudConnection, CloudControllerSettings, CloudPlace, CloudPorts, ShootCloud } from '../cloud.ts'
import { needKey, pickKeys, pickPresent } from '../credentials.ts'
import { openstackMachines } from './machines.ts'
import { keystoneOf, openstackProfile, validateOpenstackProfile } from './profile.ts'
import { openstackControlPlane, validateOpenstackShoot } from './settings.ts'

/** A cloud that speaks OpenStack. */
export const openstackCloud: ShootCloud = {
  type: 'openstack',
  machineProvider: 'OpenStack',
  machineChart: 'machine-class-openstack',
  credentialsOf: 'shoot',
  needsZones: true,
  serversGoWithNetwork: false,
  imagesBringAgent: false,
  cloudController,
  validateProfile: validateOpenstackProfile,
  validateShoot: validateOpenstackShoot,
  credentials: openstackCredentials,
  identifiers: () => ({}),
  endpoints: () => ({}),
  infrastructureConfig: withNameServers,
  machines: openstackMachines,
  connect,
}

function cloudController(blueprint: Blueprint): CloudControllerSettings {
  const { technicalId, region, networks, shoot } = blueprint
  const { routerId } = parseConfiguration(shoot.spec.provider.infrastructureConfig, networks.nodes)
  const { loadBalancerProvider } = openstackControlPlane(blueprint)
  return {
    region,
    network: routerId ?? technicalId,
    ...(loadBalancerProvider === undefined ? {} : { loadBalancerProvider }),
  }
}

/** The services are where the credentials' catalogue says. */
async function connect({ clock, random }: CloudPorts): Promise<CloudConnection> {
  const [{ createOpenStackInfrastructure }, { createOpenStackDriver }] = await Promise.all([
    import('../../infrastructure/openstack/engine.ts'),
    import('@trellis/cloudprovider/openstack/driver'),
  ])
  const driver = createOpenStackDriver({ clock })
  return {
    engine: createOpenStackInfrastructure({ clock, random }),
    driver,
    [Symbol.dispose]: () => driver[Symbol.dispose](),
  }
}

/** The profile's name servers are for networks whose Shoot names none. */
function withNameServers(configuration: unknown, providerConfig: unknown): unknown {
  const { dnsServers } = openstackProfile(providerConfig ?? {})
  if (dnsServers === undefined || !isObject(configuration)) return configuration
  const { networks = {} } = configuration
  return isObject(networks) ? { ...configuration, networks: { dnsServers, ...networks } } : configuration
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keys that are taken as they are, where they are. */
const plainKeys = ['domainName', 'domainID', 'tenantName', 'tenantID', 'userDomainName', 'userDomainID', 'insecure']

/** Keys by which a client proves itself to the services' own transport. */
const certificateKeys = ['clientCert', 'clientKey']

/** Where the cloud is comes from its profile; who asks, from the Secret: a user with a password, or an application. */
function openstackCredentials(secret: SecretData, { providerConfig, region }: CloudPlace): SecretData {
  const profile = openstackProfile(providerConfig ?? {})
  const caCert = profile.keystoneCACert ?? secret.caCert
  return {
    authURL: keystoneOf(profile, region) ?? needKey(secret, ['authURL']),
    ...(caCert === undefined ? {} : { caCert }),
    ...pickPresent(secret, plainKeys),
    ...(certificateKeys.some((key) => secret[key]) ? pickKeys(secret, certificateKeys) : {}),
    ...identityOf(secret),
  }
}

function identityOf(secret: SecretData): SecretData {
  if (secret.applicationCredentialSecret === undefined) {
    if (secret.tenantName === undefined) needKey(secret, ['tenantID', 'tenantName'])
    return pickKeys(secret, ['username', 'password'])
  }
  if (secret.username !== undefined && secret.password !== undefined) {
    throw new Failure('Invalid', 'it has both a password and an applicationCredentialSecret', {
      remedy: 'keep one of them',
    })
  }
  const keys = secret.applicationCredentialID ? ['applicationCredentialID'] : ['applicationCredentialName', 'username']
  return pickKeys(secret, [...keys, 'applicationCredentialSecret'])
}
