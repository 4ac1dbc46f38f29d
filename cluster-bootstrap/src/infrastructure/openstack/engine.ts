import type { Flow } from '@trellis/flow/define-flow'
import type { Journal, JournalEvent } from '@trellis/flow/journal'
import { runFlow } from '@trellis/flow/run-flow'
import type { InfrastructureEngine, InfrastructureOutputs, InfrastructureRequest, PlannedChange } from '../engine.ts'
import { parseConfiguration } from './configuration.ts'
import { createMemory, type InfrastructureContext } from './context.ts'
import { applyFlow, destroyFlow, infrastructureTasks } from './flow.ts'
import { createContexts, type OpenStackInfrastructureOptions } from './open-context.ts'
import { idOf } from './task.ts'

/**
 * Infrastructure of shoots at OpenStack: router with a gateway, network, subnet, security group, key pair. Outputs are `router`, `network`, `subnet`, `securityGroup`,
 * `keyName`, `floatingNetwork` as ids (the key by name), and `securityGroupName`.
 */
export function createOpenStackInfrastructure(options: OpenStackInfrastructureOptions): InfrastructureEngine {
  const { clock, random } = options
  const open = createContexts(options)
  const within = async <Value>(
    request: InfrastructureRequest,
    work: (context: InfrastructureContext) => Promise<Value>,
  ) => {
    const configuration = parseConfiguration(request.configuration, request.networks.nodes)
    return open({ request, configuration, memory: createMemory(request) }, work)
  }
  const run = async (flow: Flow<InfrastructureContext>, context: InfrastructureContext) => {
    const { signal } = context.call
    const services = context
    const ports = { clock, random, journal: createForgetfulJournal(), run: flow.name, services }
    const { errors } = await runFlow(flow, signal === undefined ? ports : { ...ports, signal })
    signal?.throwIfAborted()
    const [first] = errors
    if (first !== undefined) throw first.error
  }
  return {
    apply: (request) =>
      within(request, async (context) => {
        await run(applyFlow, context)
        return outputsOf(context)
      }),
    plan: (request) =>
      within(request, async (context): Promise<readonly PlannedChange[]> => {
        const changes: PlannedChange[] = []
        for (const task of infrastructureTasks) changes.push(...(await task.plan(context)))
        return changes
      }),
    destroy: (request) => within(request, (context) => run(destroyFlow, context)),
  }
}

function outputsOf({ memory, name }: InfrastructureContext): InfrastructureOutputs {
  return {
    router: idOf(memory, 'router'),
    network: idOf(memory, 'network'),
    subnet: idOf(memory, 'subnet'),
    securityGroup: idOf(memory, 'security-group'),
    securityGroupName: name,
    keyName: idOf(memory, 'key-pair'),
    floatingNetwork: idOf(memory, 'external-network'),
  }
}

/** Nothing is resumed from a journal: what is there already is read off the cloud. */
function createForgetfulJournal(): Journal {
  const events: JournalEvent[] = []
  return { load: async () => events, append: async (event) => void events.push(event) }
}
