import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { SourceKey } from '../udp/source.ts'
import { type FlowElement, readBackendElements, readCounter, readFlowElements } from './elements.ts'
import { type KernelState, stateText } from './plan.ts'
import { type RulesetOptions, rulesetText, tableName } from './ruleset.ts'

/** The table of the front door in this network namespace. Every call throws `Unavailable` when nft refuses, `NotFound` when there is no nft. */
export interface KernelMaps {
  /** Puts the table there anew with these elements, in one transaction, whatever there was. */
  load(state: KernelState): Promise<void>
  /** Makes a change of elements in one transaction. */
  change(text: string): Promise<void>
  /** What the maps hold. */
  readState(): Promise<KernelState>
  /** What was forwarded from each source, and how many packets were too many of their network. */
  readTraffic(): Promise<KernelTraffic>
}

/** What the kernel has counted. */
export interface KernelTraffic {
  readonly flows: ReadonlyMap<SourceKey, FlowElement>
  /** Packets dropped since the table was loaded. */
  readonly flooding: number
}

/** The table, by way of the program `nft`. */
export function createKernelMaps(runner: CommandRunner, options: RulesetOptions): KernelMaps {
  const nft = (args: readonly string[], input?: string) =>
    runOrThrow(runner, 'nft', args, input === undefined ? {} : { input })
  const list = (kind: 'map' | 'counter', name: string) => nft(['-j', 'list', kind, 'inet', tableName, name])
  const readFlows = async () =>
    new Map([...readFlowElements(await list('map', 'flows4')), ...readFlowElements(await list('map', 'flows6'))])
  return {
    load: async (state) => void (await nft(['-f', '-'], rulesetText(options) + stateText(state))),
    change: async (text) => void (await nft(['-f', '-'], text)),
    readState: async () => {
      const four = readBackendElements(await list('map', 'backends4'))
      const six = readBackendElements(await list('map', 'backends6'))
      return { flows: await readFlows(), zones: new Map([...four, ...six]) }
    },
    readTraffic: async () => ({
      flows: await readFlows(),
      flooding: readCounter(await list('counter', 'flooding')),
    }),
  }
}
