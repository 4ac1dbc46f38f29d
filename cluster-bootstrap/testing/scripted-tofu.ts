import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenTofuCloud } from '../src/infrastructure/opentofu/cloud.ts'
import type { Message } from '../src/infrastructure/opentofu/messages.ts'
import { parsePlan } from '../src/infrastructure/opentofu/plan.ts'
import type { OpenTofu, OpenTofuJob } from '../src/infrastructure/opentofu/program.ts'
import { identifiersOf, parseState } from '../src/infrastructure/opentofu/state-file.ts'

/** What the module of the scripted cloud consists of. */
export const scriptedResources = ['x_network.nodes', 'x_subnet.nodes', 'x_group.nodes["a"]'] as const

/** A cloud of names, and a double of OpenTofu that works at it. */
export interface ScriptedTofu {
  readonly tofu: OpenTofu
  readonly cloud: OpenTofuCloud
  /** What exists at the cloud: identifiers by address. */
  readonly existing: Map<string, string>
  /** Things that were ever made, in order. */
  readonly made: string[]
  /** What OpenTofu was asked to do, in order. */
  readonly calls: string[]
  /** Called at each step of an apply, after it has been done and before anything is told of it: may throw, as a kill does. */
  onStep: (step: number) => void | Promise<void>
  /** Called when what the cluster left is to go, with the variables of what is taken down. */
  onRemoveLeftovers: (variables: Readonly<Record<string, unknown>>) => void | Promise<void>
  /** Whether the cloud can be asked for what exists. */
  canLookUp: boolean
}

type Action = { readonly address: string; readonly action: 'create' | 'import' | 'delete'; readonly id?: string }

/** Makes an empty cloud. For faults only: the real program is tested against a real cloud. */
export function createScriptedTofu(): ScriptedTofu {
  const world: ScriptedTofu = {
    existing: new Map(),
    made: [],
    calls: [],
    onStep: () => {},
    onRemoveLeftovers: () => {},
    canLookUp: true,
    tofu: {
      init: async () => void world.calls.push('init'),
      plan: async (job, { destroy = false, targets } = {}) => {
        world.calls.push(destroy ? 'plan -destroy' : targets === undefined ? 'plan' : `plan ${targets.join(' ')}`)
        const actions = await decide(job, { destroy, targets })
        await writeFile(join(job.workspace.directory, 'plan'), JSON.stringify(actions))
        const outputs = Object.fromEntries([...world.existing].map(([address, value]) => [address, { value }]))
        const changes = actions.map(({ address, action }) => ({
          address,
          change: { actions: [action === 'import' ? 'no-op' : action] },
        }))
        const plan = parsePlan({ resource_changes: changes, planned_values: { outputs } })
        return { plan, empty: actions.length === 0 }
      },
      apply: (job, onMessage) => carryOut(world, job, onMessage),
    },
    cloud: {
      module: 'scripted',
      variables: ({ technicalId }) => ({ name: technicalId }),
      environment: ({ secret }) => ({ PASSWORD: secret.password ?? '' }),
      secretEnvironment: ['PASSWORD'],
      outputs: (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])),
      importId: (address, identifiers) => identifiers[address],
      findExisting: async (request) => (world.canLookUp ? Object.fromEntries(world.existing) : { ...request.state }),
      removeLeftovers: async (_, variables) => world.onRemoveLeftovers(variables),
    },
  }
  return world
}

interface Wanted {
  readonly destroy: boolean
  readonly targets: readonly string[] | undefined
}

async function decide({ workspace }: OpenTofuJob, wanted: Wanted): Promise<readonly Action[]> {
  const known = identifiersOf(parseState((await workspace.readState()) ?? ''))
  if (wanted.destroy) return Object.keys(known).map((address) => ({ address, action: 'delete' }))
  const blocks = await readFile(join(workspace.directory, 'imports.tf'), 'utf8')
  const imports = new Map([...blocks.matchAll(/to = (.*)\n {2}id = "(.*)"/g)].map(([, to = '', id = '']) => [to, id]))
  return scriptedResources
    .filter((address) => known[address] === undefined && (wanted.targets?.includes(address) ?? true))
    .map((address) => {
      const id = imports.get(address)
      return id === undefined ? { address, action: 'create' } : { address, action: 'import', id }
    })
}

async function carryOut(
  world: ScriptedTofu,
  { workspace, signal }: OpenTofuJob,
  onMessage: (message: Message) => void,
) {
  world.calls.push('apply')
  const before = parseState((await workspace.readState()) ?? '')
  const state = new Map(Object.entries(identifiersOf(before)))
  let serial = before?.serial ?? 0
  const write = async () => writeFile(workspace.statePath, stateOf(++serial, state))
  const plan = JSON.parse(await readFile(join(workspace.directory, 'plan'), 'utf8')) as readonly Action[]
  let step = 0
  for (const type of ['apply_start', 'apply_complete'] as const) {
    onMessage({ type, address: 'data.x_network.outside', action: 'read', id: 'outside' })
  }
  for (const { address, action, id } of plan) {
    if (signal.aborted) break
    onMessage({ type: 'apply_start', address, action, id: undefined })
    const identifier = act(world, { address, action, id: id ?? `${address}-${world.made.length}` })
    if (action === 'delete') state.delete(address)
    else state.set(address, identifier)
    await world.onStep(++step)
    onMessage({ type: 'apply_complete', address, action, id: identifier })
  }
  await write()
  signal.throwIfAborted()
  return Object.fromEntries(state)
}

function act(world: ScriptedTofu, { address, action, id }: Required<Action>): string {
  if (action === 'delete') world.existing.delete(address)
  if (action === 'create') {
    world.made.push(address)
    world.existing.set(address, id)
  }
  return id
}

function stateOf(serial: number, resources: ReadonlyMap<string, string>): string {
  const list = [...resources].map(([address, id]) => {
    const [, type, name, key] = /^(\w+)\.(\w+)(?:\["(\w+)"\])?$/.exec(address) ?? []
    return { mode: 'managed', type, name, instances: [{ index_key: key, attributes: { id } }] }
  })
  return JSON.stringify({ version: 4, serial, lineage: 'one', outputs: {}, resources: list })
}
