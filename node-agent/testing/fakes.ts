import type { NodeAgentConfiguration } from '@trellis/api/node-agent-configuration'
import { exampleWorker } from '@trellis/api/testing/node-agent-configurations'
import type { CommandOptions, CommandResult, CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock, type VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import type { ApiClient, ApiRequest, WatchEvent } from '../src/api-client.ts'
import type { AgentContext } from '../src/context.ts'
import { createDisk } from '../src/disk.ts'
import type { HostFacts } from '../src/host-facts.ts'
import { decideHostSettings } from '../src/host-settings.ts'
import type { Systemd } from '../src/systemd.ts'

/** A machine of the embedded cloud: a container on a host with cgroup v1. */
export const containerFacts: HostFacts = {
  cgroupVersion: 1,
  container: true,
  sysResource: false,
  initialUserNamespace: true,
  totalMemoryBytes: 24 * 2 ** 30,
  memoryLimitBytes: 2 * 2 ** 30,
  cores: 2,
  interfaceName: 'eth0',
  interfaceMtu: 1460,
  address: '10.250.0.3',
  localHostname: 'ip-10-250-0-3.eu-central-1.compute.internal',
  instanceId: 'srv-1',
  runcPath: '/usr/sbin/runc',
  resolvConfPath: '/etc/resolv.conf',
  bootedAt: Date.UTC(2026, 0, 1),
}

/** An ordinary virtual machine. */
export const virtualMachineFacts: HostFacts = {
  ...containerFacts,
  cgroupVersion: 2,
  container: false,
  sysResource: true,
  totalMemoryBytes: 4 * 2 ** 30,
  memoryLimitBytes: undefined,
  interfaceName: 'ens5',
  interfaceMtu: 9001,
  instanceId: 'i-0123456789abcdef0',
  resolvConfPath: '/run/systemd/resolve/resolv.conf',
}

/** Programs that were run, and what each answered. */
export interface FakeRunner extends CommandRunner {
  readonly calls: string[]
}

/** Answers every program with `answer`, success and silence unless told. */
export function createFakeRunner(
  answer: (
    call: string,
    options: CommandOptions,
  ) => Partial<CommandResult> | Promise<Partial<CommandResult>> = () => ({}),
): FakeRunner {
  const calls: string[] = []
  return {
    calls,
    run: async (program, args, options = {}) => {
      const call = [program, ...args].join(' ')
      calls.push(call)
      return { code: 0, stdout: '', stderr: '', ...(await answer(call, options)) }
    },
  }
}

/** What was asked of systemd. */
export interface FakeSystemd extends Systemd {
  readonly calls: string[]
}

/** A systemd that does as it is told. */
export function createFakeSystemd(): FakeSystemd {
  const calls: string[] = []
  const note = (verb: string) => async (units: string | readonly string[]) => {
    calls.push(`${verb} ${[units].flat().join(' ')}`)
  }
  return { calls, enable: note('enable'), start: note('start'), restart: note('restart') }
}

/** An API server of one's own making. */
export interface FakeClient extends ApiClient {
  readonly calls: ApiRequest[]
}

/** Answers calls with `answer` and watches with `events`; a watch stays open until its signal aborts. */
export function createFakeClient(
  answer: (call: ApiRequest) => unknown,
  events: (path: string) => AsyncIterable<WatchEvent<never>> | undefined = () => undefined,
): FakeClient {
  const calls: ApiRequest[] = []
  return {
    calls,
    call: async <Answer>(call: ApiRequest) => {
      calls.push(call)
      call.signal?.throwIfAborted()
      return (await answer(call)) as Answer
    },
    watch: async (path, onEvent, signal) => {
      for await (const event of events(path) ?? []) onEvent(event)
      if (signal.aborted) return
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
  }
}

/** Answers like an API server that has nothing. */
export function notFound(): never {
  throw new Failure('NotFound', 'there is none')
}

/** A context whose outside is all fake, on a disk below `root`. */
export function createFakeContext(
  root: string,
  changes: Partial<AgentContext> = {},
): AgentContext & { readonly clock: VirtualClock } {
  const configuration: NodeAgentConfiguration = changes.configuration ?? filledWorker()
  const facts = changes.facts ?? containerFacts
  return {
    random: createSeededRandom('node-agent'),
    log: createSilentLog(),
    configuration,
    facts,
    settings: decideHostSettings(facts, configuration.features),
    disk: createDisk(root),
    runner: createFakeRunner(),
    systemd: createFakeSystemd(),
    client: createFakeClient(() => ({ items: [], metadata: {} })),
    changedUnits: new Set(),
    background: () => {},
    clock: createVirtualClock(),
    ...changes,
  } as AgentContext & { readonly clock: VirtualClock }
}

/** A worker's configuration after the machine controller has filled the placeholders in. */
export function filledWorker(changes: Partial<NodeAgentConfiguration> = {}): NodeAgentConfiguration {
  const example = exampleWorker({ machineName: 'first-a', ...changes })
  const { worker } = example
  return worker === undefined
    ? example
    : { ...example, worker: { ...worker, bootstrapToken: 'abcdef.0123456789abcdef' } }
}
