import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import { type Static, type TSchema, Type } from 'typebox'
import type { Existing } from '../cloud.ts'
import type { OpenStackVariables } from './openstack.ts'

/** The questions that looking up takes, as one account in one region. */
export interface OpenStackQuestions {
  /** The account's project: what others share with it is not ours. */
  readonly projectId: string
  /** Answers with the body; undefined when there is no such thing. Every other refusal is a failure. */
  ask(service: 'network' | 'compute', path: string): Promise<unknown>
}

const marked = { id: Type.String(), description: Type.String() }
const items = Type.Object(marked)

const ruleSchema = Type.Object({
  id: Type.String(),
  direction: Type.String(),
  ethertype: Type.String(),
  protocol: Type.Union([Type.String(), Type.Null()]),
  port_range_min: Type.Union([Type.Number(), Type.Null()]),
  port_range_max: Type.Union([Type.Number(), Type.Null()]),
  remote_group_id: Type.Union([Type.String(), Type.Null()]),
  remote_ip_prefix: Type.Union([Type.String(), Type.Null()]),
})

const portSchema = Type.Object({
  id: Type.String(),
  fixed_ips: Type.Array(Type.Object({ subnet_id: Type.String() })),
})

const groupSchema = Type.Object({ ...marked, security_group_rules: Type.Array(ruleSchema) })

/**
 * What `modules/openstack` would make and the project has already, by name and by what it hangs on: import identifiers by address. Throws `Conflict` when a name is there
 * twice, since nobody can tell then which one is meant.
 */
export async function findExistingOpenStack(
  questions: OpenStackQuestions,
  variables: OpenStackVariables,
): Promise<Existing> {
  const { name } = variables
  const named = (plural: string) => findOne(questions, { plural, query: { name }, schema: items })
  const [router, network, subnet, group, keyPair] = await Promise.all([
    variables.router_id === null ? named('routers') : undefined,
    variables.network_id === null ? named('networks') : undefined,
    variables.subnet_id === null ? named('subnets') : undefined,
    findOne(questions, { plural: 'security-groups', query: { name }, schema: groupSchema }),
    questions.ask('compute', `/os-keypairs/${encodeURIComponent(name)}`),
  ])
  const routerId = router?.id ?? variables.router_id ?? undefined
  const own = variables.router_id !== null && variables.subnet_id !== null
  const port = own
    ? undefined
    : await findInterface(questions, routerId, subnet?.id ?? variables.subnet_id ?? undefined)
  return present({
    'openstack_networking_router_v2.nodes[0]': router?.id,
    'openstack_networking_network_v2.nodes[0]': network?.id,
    'openstack_networking_subnet_v2.nodes[0]': subnet?.id,
    'openstack_networking_router_interface_v2.nodes[0]': port,
    'openstack_networking_secgroup_v2.nodes': group?.id,
    ...(group === undefined ? {} : rulesOf(group, variables.pods_cidr)),
    'openstack_compute_keypair_v2.nodes': keyPair === undefined ? undefined : name,
  })
}

interface Question<Schema extends TSchema> {
  readonly plural: string
  readonly query: Readonly<Record<string, string>>
  readonly schema: Schema
}

async function findAll<Schema extends TSchema>(
  { ask, projectId }: OpenStackQuestions,
  { plural, query, schema }: Question<Schema>,
): Promise<readonly Static<Schema>[]> {
  const parameters = new URLSearchParams({ ...query, project_id: projectId })
  const body = await ask('network', `/v2.0/${plural}?${parameters}`)
  const key = plural.replaceAll('-', '_')
  const parser = createParser(Type.Object({ [key]: Type.Array(schema) }), `answer about ${plural}`)
  return parser.parse(body)[key] as readonly Static<Schema>[]
}

/** One that says it is another's does not count; one that says nothing does. */
async function findOne<Schema extends typeof items | typeof groupSchema>(
  questions: OpenStackQuestions,
  question: Question<Schema> & { readonly query: { readonly name: string } },
): Promise<Static<Schema> | undefined> {
  const { name } = question.query
  const ours = [`kubernetes.io-cluster-${name}`, '']
  const named = (await findAll(questions, question)) as readonly (Static<Schema> & Static<typeof items>)[]
  const [found, ...more] = named.filter(({ description }) => ours.includes(description))
  if (more.length === 0) return found
  throw new Failure('Conflict', `the project has ${more.length + 1} ${question.plural} ${name}`, {
    remedy: 'delete those that nothing uses',
  })
}

/** The port by which the router is in the subnet; its owner's name depends on the kind of router. */
async function findInterface(
  questions: OpenStackQuestions,
  routerId: string | undefined,
  subnetId: string | undefined,
): Promise<string | undefined> {
  if (routerId === undefined || subnetId === undefined) return undefined
  const query = { device_id: routerId }
  const ports = await findAll(questions, { plural: 'ports', query, schema: portSchema })
  return ports.find((port) => port.fixed_ips.some((address) => address.subnet_id === subnetId))?.id
}

type Rule = Static<typeof ruleSchema>

const everywhere = '0.0.0.0/0'

function rulesOf(
  { id, security_group_rules: rules }: Static<typeof groupSchema>,
  pods: string,
): Readonly<Record<string, string | undefined>> {
  const ingress = rules.filter((rule) => rule.direction === 'ingress' && rule.ethertype === 'IPv4')
  const isNodePorts = (rule: Rule, protocol: string) =>
    rule.protocol === protocol &&
    rule.port_range_min === 30000 &&
    rule.port_range_max === 32767 &&
    // Neutron tells "from everywhere" in two ways.
    (rule.remote_ip_prefix ?? everywhere) === everywhere &&
    rule.remote_group_id === null
  const nodePorts = ['tcp', 'udp'].map((protocol) => [
    `openstack_networking_secgroup_rule_v2.node_ports["${protocol}"]`,
    ingress.find((rule) => isNodePorts(rule, protocol))?.id,
  ])
  return {
    'openstack_networking_secgroup_rule_v2.self': ingress.find(
      (rule) => rule.remote_group_id === id && rule.protocol === null,
    )?.id,
    'openstack_networking_secgroup_rule_v2.pods': ingress.find(
      (rule) => rule.remote_ip_prefix === pods && rule.protocol === null,
    )?.id,
    ...Object.fromEntries(nodePorts),
  }
}

function present(found: Readonly<Record<string, string | undefined>>): Existing {
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
