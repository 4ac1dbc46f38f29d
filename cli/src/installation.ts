import { join } from 'node:path'
import { cacheDirectoryOf } from '@trellis/distribution/cache-directory'
import { Failure } from '@trellis/foundation/failure'

/** Where one installation of Trellis keeps everything, and the name that prefixes whatever it makes on the host. */
export interface Installation {
  /** Lower-case name of at most eight characters, since Linux allows an interface name no more than fifteen. */
  readonly name: string
  readonly repositoryDirectory: string
  readonly cacheDirectory: string
  readonly stateDirectory: string
  readonly runDirectory: string
  /** The first three numbers of the /16 that load balancers and the cloud's endpoint live in are built on this, as in `198.18`. */
  readonly publicPrefix: string
  /** Engine of the networks of new shoots; OpenTofu comes in an image of its own. */
  readonly infrastructure: 'sdk' | 'opentofu'
  /** Where the tunnels of shoots come in: at a load balancer of each shoot, or at one front door of the seed for all of them (decision 37). */
  readonly tunnelDoor: 'shoot' | 'seed'
  /** Whether API servers reach their shoots by http-connect, each tunnel then ending in a pod of its own (decision 38). */
  readonly httpConnect: boolean
}

/** Reads the installation from the environment: `TRELLIS_INSTANCE`, `TRELLIS_CACHE`, `TRELLIS_STATE`, `TRELLIS_RUN`, `TRELLIS_PUBLIC_PREFIX`, `TRELLIS_INFRASTRUCTURE`, `TRELLIS_TUNNEL_DOOR`, `TRELLIS_HTTP_CONNECT`. Throws `Invalid` that names the variable. */
export function readInstallation(
  environment: Readonly<Record<string, string | undefined>>,
  repositoryDirectory: string,
): Installation {
  const name = environment.TRELLIS_INSTANCE ?? 'trellis'
  if (!/^[a-z][a-z0-9]{0,7}$/.test(name)) {
    throw new Failure('Invalid', `"${name}" cannot name an installation`, {
      field: 'TRELLIS_INSTANCE',
      remedy: 'use one to eight lower-case letters and digits, beginning with a letter',
    })
  }
  const publicPrefix = environment.TRELLIS_PUBLIC_PREFIX ?? '198.18'
  if (!/^\d{1,3}\.\d{1,3}$/.test(publicPrefix) || publicPrefix.split('.').some((part) => Number(part) > 255)) {
    throw new Failure('Invalid', `"${publicPrefix}" is not the first half of an IPv4 address`, {
      field: 'TRELLIS_PUBLIC_PREFIX',
      remedy: 'give two numbers, as in 198.18',
    })
  }
  const suffix = name === 'trellis' ? 'trellis' : `trellis-${name}`
  return {
    name,
    repositoryDirectory,
    cacheDirectory: cacheDirectoryOf(environment),
    stateDirectory: environment.TRELLIS_STATE ?? join('/var/lib', suffix),
    runDirectory: environment.TRELLIS_RUN ?? join('/run', suffix),
    publicPrefix,
    infrastructure: choose(environment, 'TRELLIS_INFRASTRUCTURE', ['sdk', 'opentofu']),
    tunnelDoor: choose(environment, 'TRELLIS_TUNNEL_DOOR', ['shoot', 'seed']),
    httpConnect: choose(environment, 'TRELLIS_HTTP_CONNECT', ['no', 'yes']) === 'yes',
  }
}

/** The value of a variable that knows few; the first of them when it is not set. */
function choose<const Choice extends string>(
  environment: Readonly<Record<string, string | undefined>>,
  field: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const wish = environment[field]
  if (wish === undefined) return choices[0]
  const chosen = choices.find((choice) => choice === wish)
  if (chosen !== undefined) return chosen
  throw new Failure('Invalid', `"${wish}" is not known`, {
    field,
    remedy: `say ${choices.join(' or ')}, or leave it out`,
  })
}

/** The range of the installation's public network, in CIDR notation. */
export function publicRange({ publicPrefix }: Installation): string {
  return `${publicPrefix}.0.0/16`
}

/** Files of an installation, by what they hold. */
export function paths(installation: Installation) {
  const { stateDirectory, runDirectory } = installation
  return {
    cloudSocket: join(runDirectory, 'localcloud.sock'),
    cloudState: join(stateDirectory, 'localcloud'),
    cloudCredentials: join(stateDirectory, 'localcloud', 'credentials'),
    machineImages: join(stateDirectory, 'localcloud', 'images.json'),
    gardenKeys: join(stateDirectory, 'garden', 'keys.json'),
    gardenKubeconfig: join(stateDirectory, 'kubeconfig', 'garden'),
    shootKubeconfig: (name: string) => join(stateDirectory, 'kubeconfig', `shoot-${name}`),
    journal: join(stateDirectory, 'up', 'journal.jsonl'),
    progress: join(stateDirectory, 'up', 'progress.json'),
    parts: join(stateDirectory, 'parts.json'),
    lock: join(runDirectory, 'up.lock'),
  }
}
