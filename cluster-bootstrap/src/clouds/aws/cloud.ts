import { Failure } from '@trellis/foundation/failure'
import type { SecretData } from '../../secrets/secret-store.ts'
import type { CloudConnection, CloudEndpoints, CloudPorts, ShootCloud } from '../cloud.ts'
import { needKey, pickPresent } from '../credentials.ts'
import { awsMachines } from './machines.ts'
import { awsProfile, validateAwsProfile } from './profile.ts'
import { validateAwsShoot } from './settings.ts'

/** Amazon Web Services. */
export const awsCloud: ShootCloud = {
  type: 'aws',
  machineProvider: 'AWS',
  machineChart: 'machine-class-aws',
  credentialsOf: 'shoot',
  needsZones: true,
  serversGoWithNetwork: false,
  imagesBringAgent: false,
  // It finds the rest by the tags that everything of a cluster has.
  cloudController: ({ region }) => ({ region }),
  validateProfile: validateAwsProfile,
  validateShoot: validateAwsShoot,
  credentials: awsCredentials,
  identifiers: () => ({}),
  endpoints: (providerConfig) => awsProfile(providerConfig ?? {}).endpoints ?? {},
  infrastructureConfig: (configuration) => configuration,
  machines: awsMachines,
  connect,
}

async function connect({ clock, random }: CloudPorts, endpoints: CloudEndpoints): Promise<CloudConnection> {
  const [{ createAwsInfrastructure }, { createAwsDriver }] = await Promise.all([
    import('../../infrastructure/aws/engine.ts'),
    import('@trellis/cloudprovider/aws/driver'),
  ])
  const driver = createAwsDriver({ clock, endpoints })
  return {
    engine: createAwsInfrastructure({ clock, random, endpoints }),
    driver,
    [Symbol.dispose]: () => driver[Symbol.dispose](),
  }
}

/** Keys of users' Secrets and, before them, those of machine classes; the names of the machine classes' older form are accepted. */
function awsCredentials(secret: SecretData): SecretData {
  const { roleARN, workloadIdentityTokenFile } = secret
  if (roleARN !== undefined || workloadIdentityTokenFile !== undefined) {
    // A file is one of the process that signs the calls, and here that is several: nothing could put it into each.
    throw new Failure('Invalid', 'it names a token file, which no process of a shoot has', {
      remedy: 'give accessKeyID and secretAccessKey instead',
    })
  }
  return {
    accessKeyID: needKey(secret, ['accessKeyID', 'providerAccessKeyId']),
    secretAccessKey: needKey(secret, ['secretAccessKey', 'providerSecretAccessKey']),
    // No secret at all: machines let in whoever has its private half.
    ...pickPresent(secret, ['sshPublicKey']),
  }
}
