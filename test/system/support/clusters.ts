import { Failure } from '@trellis/foundation/failure'
import type { TestInstallation } from './installation.ts'
import { asList } from './objects.ts'

/** Namespace in the seed of the control plane of a shoot of the local project. */
export function controlNamespaceOf(shoot: string): string {
  return `shoot--local--${shoot}`
}

/** Namespace of the first shoot's control plane in the seed. */
export const controlNamespace = controlNamespaceOf('first')

/** What the tests ask of the clusters of an installation, through its own command line. */
export interface Clusters {
  /** kubectl against the shoot; throws unless it succeeds. */
  shoot(args: readonly string[], input?: string): Promise<string>
  /** kubectl against the seed, in the shoot's control namespace. */
  control(args: readonly string[], input?: string): Promise<string>
  /** kubectl against the garden, in the project's namespace. */
  garden(args: readonly string[], input?: string): Promise<string>
  /** Server-side apply to the shoot. */
  apply(objects: readonly object[]): Promise<void>
  readyNodes(): Promise<readonly string[]>
  machines(): Promise<readonly string[]>
  /** Name of the machine deployment of the shoot's only pool. */
  deployment(): Promise<string>
  scale(replicas: number): Promise<void>
  /** Lines that a command which does not end by itself writes to either stream, until `enough`; then it is ended, after `look` has used it. */
  follow(
    args: readonly string[],
    enough: (lines: readonly string[]) => boolean,
    look?: (lines: readonly string[]) => Promise<void>,
  ): Promise<readonly string[]>
}

interface Conditions {
  readonly metadata: { readonly name: string }
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] }
}

/** Ties the questions to an installation, and to a shoot of its local project: the first unless told. */
export function createClusters(installation: TestInstallation, name = 'first'): Clusters {
  const shoot: Clusters['shoot'] = (args, input) => installation.must(['kubectl', '--shoot', name, ...args], input)
  const control: Clusters['control'] = (args, input) =>
    installation.must(['kubectl', '--seed', '--namespace', controlNamespaceOf(name), ...args], input)
  const deployment = async (): Promise<string> =>
    (await control(['get', 'machinedeployments', '-o', 'jsonpath={.items[0].metadata.name}'])).trim()
  return {
    shoot,
    control,
    deployment,
    garden: (args, input) => installation.must(['kubectl', '--garden', '--namespace', 'garden-local', ...args], input),
    apply: async (objects) => {
      await shoot(['apply', '--server-side', '-f', '-'], asList(objects))
    },
    readyNodes: async () => {
      const { items } = JSON.parse(await shoot(['get', 'nodes', '-o', 'json'])) as { items: readonly Conditions[] }
      return items
        .filter(({ status }) =>
          status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
        )
        .map(({ metadata }) => metadata.name)
    },
    machines: async () =>
      (await control(['get', 'machines', '-o', 'name']))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('/')[1] ?? ''),
    scale: async (replicas) => {
      await control(['scale', 'machinedeployment', await deployment(), `--replicas=${replicas}`])
    },
    follow: (args, enough, look) => follow(installation, args, enough, look),
  }
}

async function follow(
  installation: TestInstallation,
  args: readonly string[],
  enough: (lines: readonly string[]) => boolean,
  look: (lines: readonly string[]) => Promise<void> = async () => {},
): Promise<readonly string[]> {
  const child = installation.start(args)
  try {
    const lines = await new Promise<readonly string[]>((resolve, reject) => {
      let text = ''
      const take = (chunk: Buffer): void => {
        text += chunk.toString()
        const whole = text.split('\n').slice(0, -1)
        if (enough(whole)) resolve(whole)
      }
      child.stdout?.on('data', take)
      child.stderr?.on('data', take)
      child.on('error', reject)
      child.on('close', (code) => reject(new Failure('Unavailable', `${args.join(' ')} ended with ${code}: ${text}`)))
    })
    await look(lines)
    return lines
  } finally {
    child.kill('SIGINT')
  }
}
