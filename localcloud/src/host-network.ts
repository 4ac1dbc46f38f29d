import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { type ObservedLink, type ObservedRoute, parseLinks, parseRoutes, planChanges } from './namespace-changes.ts'

/** A bridge. Addresses are written with their prefix length. */
export interface Bridge {
  readonly kind: 'bridge'
  readonly name: string
  readonly hardwareAddress: string
  readonly addresses: readonly string[]
}

/** One end of a link. */
export interface LinkEnd {
  readonly namespace: string
  readonly name: string
}

/** A pair of linked interfaces: this end with addresses, the other end as a port of a bridge in another namespace. */
export interface Veth {
  readonly kind: 'veth'
  readonly name: string
  readonly hardwareAddress: string
  readonly peer: LinkEnd & { readonly bridge: string }
  readonly addresses: readonly string[]
}

/** A static route. */
export interface StaticRoute {
  readonly destination: string
  readonly via: string
  readonly device: string
}

/** Everything that this house decides about one network namespace. */
export interface NamespaceConfiguration {
  readonly namespace: string
  readonly sysctls: Readonly<Record<string, string>>
  readonly links: readonly (Bridge | Veth)[]
  readonly routes: readonly StaticRoute[]
  /** Input of `nft -f`. */
  readonly ruleset?: string
}

/** The only door to network namespaces. */
export interface HostNetwork {
  /** Makes the namespace be as configured, whatever it was before; made when there is none. Repeats are harmless. Calls for one namespace must not overlap. */
  apply(configuration: NamespaceConfiguration): Promise<void>
  /** Removes the namespace and the given outer ends of its links, so that their names are free when this returns. Harmless when there is none. */
  remove(namespace: string, outerEnds: readonly LinkEnd[]): Promise<void>
  /** Names of all namespaces of the host. */
  namespaces(): Promise<readonly string[]>
  /** IPv4 addresses of a namespace with their prefix length; empty when there is no such namespace. */
  addresses(namespace: string): Promise<readonly string[]>
}

/** Where the file of a network namespace is. */
export function namespacePath(namespace: string): string {
  return `/run/netns/${namespace}`
}

/** Sets up namespaces with the programs `ip`, `nft`, `sysctl` and `nsenter`, which may run from any namespace. */
export function createHostNetwork(runner: CommandRunner): HostNetwork {
  /** What this process has set itself and need not set again. */
  const settled = new Set<string>()
  const rulesets = new Map<string, string>()

  const ip = (namespace: string, ...args: readonly string[]) => runOrThrow(runner, 'ip', ['-n', namespace, ...args])
  const batch = async (namespace: string, lines: readonly string[]) => {
    if (lines.length === 0) return
    const input = `${lines.join('\n')}\n`
    const result = await runner.run('ip', ['-n', namespace, '-batch', '-'], { input })
    if (result.code === 0) return
    const number = Number(/Command failed -:(\d+)/.exec(result.stderr)?.[1])
    const said = result.stderr.trim().split('\n')[0] ?? ''
    throw new Failure('Unavailable', `namespace ${namespace}: ip ${lines[number - 1] ?? lines.join('; ')}: ${said}`)
  }
  const observe = async (namespace: string): Promise<readonly ObservedLink[] | undefined> => {
    const result = await runner.run('ip', ['-n', namespace, '-j', 'address', 'show'])
    if (result.code === 0) return parseLinks(result.stdout)
    if (/Cannot open network namespace|Invalid argument/.test(result.stderr)) return undefined
    throw new Failure('Unavailable', `namespace ${namespace}: ${result.stderr.trim()}`)
  }
  const observeRoutes = async (namespace: string): Promise<readonly ObservedRoute[]> =>
    parseRoutes(await ip(namespace, '-4', '-j', 'route', 'show', 'proto', 'static'))

  const settle = async ({ namespace, sysctls }: NamespaceConfiguration) => {
    const settings = Object.entries(sysctls).map(([key, value]) => `${key}=${value}`)
    if (settings.length === 0) return
    await runOrThrow(runner, 'nsenter', [`--net=${namespacePath(namespace)}`, 'sysctl', '-eqw', ...settings])
  }

  return {
    apply: async (configuration) => {
      const { namespace, ruleset } = configuration
      let links = await observe(namespace)
      if (links === undefined) {
        await makeNamespace(runner, namespace)
        settled.delete(namespace)
        rulesets.delete(namespace)
        links = []
      }
      if (!settled.has(namespace)) await settle(configuration)
      const routes = links.length > 0 ? await observeRoutes(namespace) : []
      const missing = configuration.links.filter((link) => !links.some(({ name }) => name === link.name))
      for (const link of missing) if (link.kind === 'veth') await removeLink(runner, link.peer)
      await batch(namespace, planChanges(configuration, { links, routes }))
      for (const link of settled.has(namespace) ? missing : configuration.links) {
        if (link.kind === 'veth')
          await ip(link.peer.namespace, 'link', 'set', link.peer.name, 'master', link.peer.bridge, 'up')
      }
      if (ruleset !== undefined && rulesets.get(namespace) !== ruleset) {
        await runOrThrow(runner, 'nsenter', [`--net=${namespacePath(namespace)}`, 'nft', '-f', '-'], { input: ruleset })
        rulesets.set(namespace, ruleset)
      }
      settled.add(namespace)
    },
    remove: async (namespace, outerEnds) => {
      settled.delete(namespace)
      rulesets.delete(namespace)
      for (const end of outerEnds) await removeLink(runner, end)
      await removeNamespace(runner, namespace)
    },
    namespaces: () => listNamespaces(runner),
    addresses: async (namespace) => ((await observe(namespace)) ?? []).flatMap((link) => link.addresses),
  }
}

/** Names of all network namespaces of the host. */
export async function listNamespaces(runner: CommandRunner): Promise<readonly string[]> {
  const text = await runOrThrow(runner, 'ip', ['netns', 'list'])
  return text.split('\n').flatMap((line) => line.split(' ')[0] || [])
}

/** Makes a namespace; harmless when it exists. A file without a namespace behind it, left by a crash, is replaced. */
export async function makeNamespace(runner: CommandRunner, namespace: string): Promise<void> {
  const result = await runner.run('ip', ['netns', 'add', namespace])
  if (result.code === 0) return
  if ((await runner.run('ip', ['-n', namespace, 'link', 'show', 'lo'])).code === 0) return
  await removeNamespace(runner, namespace)
  await runOrThrow(runner, 'ip', ['netns', 'add', namespace])
}

/** Removes a namespace; harmless when there is none. */
export async function removeNamespace(runner: CommandRunner, namespace: string): Promise<void> {
  const result = await runner.run('ip', ['netns', 'delete', namespace])
  if (result.code === 0 || /No such file or directory/.test(result.stderr)) return
  throw new Failure('Unavailable', `namespace ${namespace} cannot be removed: ${result.stderr.trim()}`)
}

async function removeLink(runner: CommandRunner, link: LinkEnd): Promise<void> {
  const result = await runner.run('ip', ['-n', link.namespace, 'link', 'delete', link.name])
  if (result.code === 0 || /Cannot find device|Cannot open network namespace/.test(result.stderr)) return
  throw new Failure('Unavailable', `link ${link.name} in ${link.namespace} cannot be removed: ${result.stderr.trim()}`)
}
