import type { CommandResult, CommandRunner } from '@trellis/foundation/command'
import { InvariantError } from '@trellis/foundation/failure'

interface Link {
  kind: string
  up: boolean
  master?: string
  addresses: string[]
  peer?: { namespace: string; name: string }
}

interface Namespace {
  links: Map<string, Link>
  routes: Map<string, { via: string; device: string }>
  sysctls: Map<string, string>
  ruleset: string
}

/** A host whose namespaces exist in memory only. It understands exactly the commands that this house gives, and fails the test on any other. */
export interface FakeHost extends CommandRunner {
  /** The namespaces as text, to compare with what a test expects. */
  describe(): string
  /** Commands that changed something, since the last call. */
  changes(): readonly string[]
  /** The text of the rules in a namespace. */
  ruleset(namespace: string): string
  /** Makes the command that begins so fail once, before it has done anything. */
  failOnce(beginning: string): void
}

const done: CommandResult = { code: 0, stdout: '', stderr: '' }
const refused = (stderr: string): CommandResult => ({ code: 1, stdout: '', stderr })

/** Makes a host without any namespace. */
export function createFakeHost(): FakeHost {
  const namespaces = new Map<string, Namespace>()
  let changes: string[] = []
  const failures = new Set<string>()
  const get = (name: string): Namespace => {
    const namespace = namespaces.get(name)
    if (namespace === undefined) throw new Refusal(`Cannot open network namespace "${name}": No such file or directory`)
    return namespace
  }
  const linkOf = (namespace: Namespace, name: string): Link => {
    const link = namespace.links.get(name)
    if (link === undefined) throw new Refusal(`Cannot find device "${name}"`)
    return link
  }
  const changeLine = (name: string, line: string): void => {
    const namespace = get(name)
    changes.push(`${name}: ${line}`)
    const handler = lineHandlers.find(([pattern]) => pattern.test(line))
    if (handler === undefined) throw new InvariantError(`the fake host does not know: ip -n ${name} ${line}`)
    const [pattern, apply] = handler
    apply({ namespaces, name, namespace, linkOf }, (pattern.exec(line)?.groups ?? {}) as Groups)
  }
  const ip = (args: readonly string[], input: string): CommandResult => {
    const text = args.join(' ')
    if (text === 'netns list') return { ...done, stdout: [...namespaces.keys()].map((name) => `${name}\n`).join('') }
    const [, verb, name = ''] = args
    if (args[0] === 'netns' && verb === 'add') {
      if (namespaces.has(name)) return refused(`Cannot create namespace file "${name}": File exists`)
      namespaces.set(name, {
        links: new Map([['lo', emptyLink('loopback')]]),
        routes: new Map(),
        sysctls: new Map(),
        ruleset: '',
      })
      changes.push(`add ${name}`)
      return done
    }
    if (args[0] === 'netns' && verb === 'delete') {
      for (const { peer } of get(name).links.values()) if (peer) namespaces.get(peer.namespace)?.links.delete(peer.name)
      namespaces.delete(name)
      changes.push(`delete ${name}`)
      return done
    }
    const [option, within = '', ...rest] = args
    if (option !== '-n') throw new InvariantError(`the fake host does not know: ip ${text}`)
    const command = rest.join(' ')
    if (command === '-j address show') return { ...done, stdout: addressesAsJson(get(within)) }
    if (command === '-4 -j route show proto static') return { ...done, stdout: routesAsJson(get(within)) }
    if (command === '-batch -') {
      for (const line of input.trim().split('\n')) changeLine(within, line)
      return done
    }
    changeLine(within, command)
    return done
  }
  const inside = (args: readonly string[], input: string): CommandResult => {
    const [where = '', program, ...rest] = args
    const name = where.replace('--net=/run/netns/', '')
    const namespace = get(name)
    if (program === 'sysctl' && rest[0] === '-eqw') {
      for (const setting of rest.slice(1)) namespace.sysctls.set(...(setting.split('=') as [string, string]))
      return done
    }
    if (program === 'nft' && rest.join(' ') === '-f -') {
      namespace.ruleset = input
      changes.push(`${name}: nft`)
      return done
    }
    if (program === 'conntrack' && rest[0] === '-L') return done
    throw new InvariantError(`the fake host does not know: nsenter ${args.join(' ')}`)
  }
  const run = (program: string, args: readonly string[], input: string): CommandResult => {
    if (program === 'ip') return ip(args, input)
    if (program === 'nsenter') return inside(args, input)
    throw new InvariantError(`the fake host has no program ${program}`)
  }
  return {
    run: async (program, args, options) => {
      const command = [program, ...args].join(' ')
      const failing = [...failures].find((beginning) => command.startsWith(beginning))
      if (failing !== undefined) {
        failures.delete(failing)
        return refused('made to fail')
      }
      try {
        return run(program, args, options?.input ?? '')
      } catch (error) {
        if (error instanceof Refusal) return refused(error.message)
        throw error
      }
    },
    describe: () => [...namespaces].map(([name, namespace]) => describeNamespace(name, namespace)).join('\n'),
    changes: () => {
      const since = changes
      changes = []
      return since
    },
    ruleset: (namespace) => get(namespace).ruleset,
    failOnce: (beginning) => void failures.add(beginning),
  }
}

class Refusal extends Error {}

interface Scene {
  readonly namespaces: Map<string, Namespace>
  readonly name: string
  readonly namespace: Namespace
  readonly linkOf: (namespace: Namespace, name: string) => Link
}

type Groups = Readonly<Record<string, string>>

function emptyLink(kind: string): Link {
  return { kind, up: false, addresses: [] }
}

function addLink({ namespace }: Scene, name: string, link: Link): void {
  if (namespace.links.has(name)) throw new Refusal('RTNETLINK answers: File exists')
  namespace.links.set(name, link)
}

const lineHandlers: readonly [RegExp, (scene: Scene, groups: Groups) => void][] = [
  [
    /^link add (?<link>\S+) address \S+ type bridge$/,
    (scene, { link = '' }) => addLink(scene, link, emptyLink('bridge')),
  ],
  [
    /^link add (?<link>\S+) address \S+ type veth peer name (?<peer>\S+) netns (?<other>\S+)$/,
    (scene, { link = '', peer = '', other = '' }) => {
      const opposite = scene.namespaces.get(other)
      if (opposite === undefined) throw new Refusal(`Invalid "netns" value`)
      const end: Link = { ...emptyLink('veth'), peer: { namespace: scene.name, name: link } }
      addLink({ ...scene, namespace: opposite }, peer, end)
      addLink(scene, link, { ...emptyLink('veth'), peer: { namespace: other, name: peer } })
    },
  ],
  [
    /^link delete (?<link>\S+)$/,
    ({ namespaces, namespace, linkOf }, { link = '' }) => {
      const { peer } = linkOf(namespace, link)
      if (peer !== undefined) namespaces.get(peer.namespace)?.links.delete(peer.name)
      namespace.links.delete(link)
    },
  ],
  [
    /^link set (?<link>\S+) up$/,
    ({ namespace, linkOf }, { link = '' }) => {
      linkOf(namespace, link).up = true
    },
  ],
  [
    /^link set (?<link>\S+) master (?<master>\S+) up$/,
    ({ namespace, linkOf }, { link = '', master = '' }) => {
      linkOf(namespace, master)
      Object.assign(linkOf(namespace, link), { master, up: true })
    },
  ],
  [
    /^address add (?<address>\S+) dev (?<link>\S+)$/,
    ({ namespace, linkOf }, { address = '', link = '' }) => void linkOf(namespace, link).addresses.push(address),
  ],
  [
    /^address delete (?<address>\S+) dev (?<link>\S+)$/,
    ({ namespace, linkOf }, { address = '', link = '' }) => {
      const present = linkOf(namespace, link)
      present.addresses = present.addresses.filter((each) => each !== address)
    },
  ],
  [
    /^route replace (?<destination>\S+) via (?<via>\S+) dev (?<device>\S+) proto static$/,
    ({ namespace, linkOf }, { destination = '', via = '', device = '' }) => {
      linkOf(namespace, device)
      namespace.routes.set(destination, { via, device })
    },
  ],
  [
    /^route delete (?<destination>\S+) proto static$/,
    ({ namespace }, { destination = '' }) => void namespace.routes.delete(destination),
  ],
]

function addressesAsJson(namespace: Namespace): string {
  return JSON.stringify(
    [...namespace.links].map(([ifname, link]) => ({
      ifname,
      flags: link.up ? ['UP'] : [],
      addr_info: link.addresses.map((address) => {
        const [local, length] = address.split('/')
        return { family: 'inet', local, prefixlen: Number(length) }
      }),
    })),
  )
}

function routesAsJson(namespace: Namespace): string {
  return JSON.stringify([...namespace.routes].map(([dst, { via, device }]) => ({ dst, gateway: via, dev: device })))
}

function describeNamespace(name: string, { links, routes, sysctls }: Namespace): string {
  const lines = [
    ...[...links].map(([link, { kind, up, master, addresses }]) =>
      [`${kind} ${link}`, up ? 'up' : 'down', ...(master ? [`in ${master}`] : []), ...addresses].join(' '),
    ),
    ...[...routes].map(([destination, { via, device }]) => `route ${destination} via ${via} dev ${device}`),
    ...[...sysctls].map(([key, value]) => `${key}=${value}`),
  ]
  return [`${name}:`, ...lines.map((line) => `  ${line}`)].join('\n')
}
