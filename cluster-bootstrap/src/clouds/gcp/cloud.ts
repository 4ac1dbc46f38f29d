import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { Type } from 'typebox'
import { parseConfiguration } from '../../infrastructure/gcp/configuration.ts'
import { namesOf } from '../../infrastructure/gcp/names.ts'
import type { SecretData } from '../../secrets/secret-store.ts'
import type { CloudConnection, CloudPorts, ShootCloud } from '../cloud.ts'
import { needKey } from '../credentials.ts'
import { gcpMachines } from './machines.ts'
import { validateGcpProfile } from './profile.ts'
import { validateGcpShoot } from './settings.ts'

/** Google Cloud. */
export const gcpCloud: ShootCloud = {
  type: 'gcp',
  machineProvider: 'GCP',
  machineChart: 'machine-class-gcp',
  credentialsOf: 'shoot',
  needsZones: true,
  serversGoWithNetwork: false,
  imagesBringAgent: false,
  cloudController: ({ technicalId, networks, shoot }) => {
    const { given } = parseConfiguration(shoot.spec.provider.infrastructureConfig, networks.nodes)
    return { network: given.network ?? namesOf(technicalId).network }
  },
  validateProfile: validateGcpProfile,
  validateShoot: validateGcpShoot,
  credentials: gcpCredentials,
  identifiers: (credentials) => ({ project: needKey(credentials, ['projectID']) }),
  // Google's APIs are spoken at Google alone, and its tokens must go nowhere else.
  endpoints: () => ({}),
  infrastructureConfig: (configuration) => configuration,
  machines: gcpMachines,
  connect,
}

async function connect({ clock }: CloudPorts): Promise<CloudConnection> {
  const [{ createGoogleInfrastructure }, { createGoogleDriver }] = await Promise.all([
    import('../../infrastructure/gcp/engine.ts'),
    import('@trellis/cloudprovider/gcp/driver'),
  ])
  return {
    engine: createGoogleInfrastructure({ clock }),
    driver: createGoogleDriver({ clock }),
    // Both keep no connection open.
    [Symbol.dispose]: () => {},
  }
}

const accountParser = createParser(
  Type.Object({
    type: Type.Literal('service_account'),
    project_id: Type.String({ pattern: '^[a-z0-9:.-]{4,}$' }),
    client_email: Type.String({ minLength: 3 }),
    private_key: Type.String({ minLength: 1 }),
  }),
  'key of a service account',
)

/** Users' Secrets hold the key of a service account under either name. */
function gcpCredentials(secret: Readonly<Record<string, string>>): SecretData {
  const text = needKey(secret, ['serviceaccount.json', 'serviceAccountJSON'])
  return { serviceAccountJSON: text, projectID: projectOf(text) }
}

/** Nothing of the text may get into a message: parsers quote what they do not understand. */
function projectOf(text: string): string {
  let account: unknown
  try {
    account = JSON.parse(text)
  } catch {
    throw unusable('the key of its service account is not JSON')
  }
  if (!accountParser.fits(account)) throw unusable('the key of its service account lacks fields of one')
  return account.project_id
}

function unusable(message: string): Failure {
  return new Failure('Unavailable', message, { remedy: 'put the key as the cloud gave it under serviceaccount.json' })
}
