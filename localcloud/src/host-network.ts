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
  const memory: Memory = { settled: new Set(), rulesets: new Map() }
  return {
    apply: (configuration) => apply(runner, memory, configuration),
    remove: async (namespace, outerEnds) => {
      forget(memory, namespace)
      for (const end of outerEnds) await removeLink(runner, end)
      await removeNamespace(runner, namespace)
    },
    namespaces: () => listNamespaces(runner),
    addresses: async (namespace) => ((await observeLinks(runner, namespace)) ?? []).flatMap((link) => link.addresses),
  }
}

/** What this process has set itself and need not set again. */
interface Memory {
  readonly settled: Set<string>
  readonly rulesets: Map<string, string>
}

function forget(memory: Memory, namespace: string): void {
  memory.settled.delete(namespace)
  memory.rulesets.delete(namespace)
}

async function apply(runner: CommandRunner, memory: Memory, configuration: NamespaceConfiguration): Promise<void> {
  const { namespace, ruleset } = configuration
  const present = await observeLinks(runner, namespace)
  if (present === undefined) {
    forget(memory, namespace)
    await makeNamespace(runner, namespace)
  }
  const links = present ?? []
  const settled = memory.settled.has(namespace)
  if (!settled) await setSysctls(runner, configuration)
  const routes = links.length > 0 ? await observeRoutes(runner, namespace) : []
  const missing = configuration.links.filter((link) => !links.some(({ name }) => name === link.name))
  for (const { peer } of pairsOf(missing)) await removeLink(runner, peer)
  await runBatch(runner, namespace, planChanges(configuration, { links, routes }))
  for (const { peer } of pairsOf(settled ? missing : configuration.links)) {
    const words = ['-n', peer.namespace, 'link', 'set', peer.name, 'master', peer.bridge, 'up']
    await runOrThrow(runner, 'ip', words)
  }
  if (ruleset !== undefined && memory.rulesets.get(namespace) !== ruleset) {
    await runOrThrow(runner, 'nsenter', [`--net=${namespacePath(namespace)}`, 'nft', '-f', '-'], { input: ruleset })
    memory.rulesets.set(namespace, ruleset)
  }
  memory.settled.add(namespace)
}

function pairsOf(links: readonly (Bridge | Veth)[]): readonly Veth[] {
  return links.filter((link) => link.kind === 'veth')
}

/** The interfaces of a namespace; undefined when there is no such namespace. */
async function observeLinks(runner: CommandRunner, namespace: string): Promise<readonly ObservedLink[] | undefined> {
  const result = await runner.run('ip', ['-n', namespace, '-j', 'address', 'show'])
  if (result.code === 0) return parseLinks(result.stdout)
  // The second text is that of a file which a crash has left without a namespace behind it.
  if (/Cannot open network namespace|Invalid argument/.test(result.stderr)) return undefined
  throw new Failure('Unavailable', `namespace ${namespace}: ${result.stderr.trim()}`)
}

async function observeRoutes(runner: CommandRunner, namespace: string): Promise<readonly ObservedRoute[]> {
  const words = ['-n', namespace, '-4', '-j', 'route', 'show', 'proto', 'static']
  return parseRoutes(await runOrThrow(runner, 'ip', words))
}

async function setSysctls(runner: CommandRunner, { namespace, sysctls }: NamespaceConfiguration): Promise<void> {
  const settings = Object.entries(sysctls).map(([key, value]) => `${key}=${value}`)
  if (settings.length === 0) return
  await runOrThrow(runner, 'nsenter', [`--net=${namespacePath(namespace)}`, 'sysctl', '-eqw', ...settings])
}

async function runBatch(runner: CommandRunner, namespace: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return
  const result = await runner.run('ip', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  if (result.code === 0) return
  const number = Number(/Command failed -:(\d+)/.exec(result.stderr)?.[1])
  const said = result.stderr.trim().split('\n')[0] ?? ''
  throw new Failure('Unavailable', `namespace ${namespace}: ip ${lines[number - 1] ?? lines.join('; ')}: ${said}`)
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
