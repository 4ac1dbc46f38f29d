import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { checkHost } from './check.ts'
import type { HostConfiguration } from './configuration.ts'
import { removalOf } from './firewall.ts'
import { enableForwarding, loosenReversePath, readSetting, type SettingTools } from './forwarding.ts'
import { type HostStep, planHost } from './plan.ts'
import { ruleSteps } from './routing-plan.ts'
import { defaultRuleProtocol, takeRoutingSnapshot } from './routing-snapshot.ts'
import { type ReadSetting, takeSnapshot } from './snapshot.ts'

/** The network namespace that this process lives in. */
export interface Host {
  /**
   * Makes the namespace what the configuration says and returns the steps that took; none when it was so already. Throws `Invalid` when the
   * configuration contradicts itself or a network behind the tunnel is reached by another interface, `NotFound` when a link is missing, `Unavailable` when a step fails; repeating is always right.
   */
  apply(configuration: HostConfiguration): Promise<readonly HostStep[]>
  /** Takes away what outlives the links: the firewall's table and the routing rules. Harmless when there is none. Remove the links themselves first, so that no packet passes unfiltered. */
  clear(configuration: Pick<HostConfiguration, 'firewall' | 'ruleProtocol'>): Promise<void>
}

/** Makes the host. Steps are run with `ip` and `nft`; settings below /proc/sys are those of this process's namespace unless told. */
export function createHost(runner: CommandRunner, read: ReadSetting = readSetting): Host {
  return {
    apply: async (configuration) => {
      checkHost(configuration)
      const steps = planHost(await takeSnapshot(runner, read, configuration), configuration)
      for (const step of steps) await execute({ runner, readSetting: read }, step)
      return steps
    },
    clear: async ({ firewall, ruleProtocol = defaultRuleProtocol }) => {
      const { rules } = await takeRoutingSnapshot(runner, [], ruleProtocol)
      const steps = ruleSteps({ rules, routes: [], foreignRoutes: [] }, { rules: [], ruleProtocol })
      for (const step of steps) await execute({ runner, readSetting: read }, step)
      await runOrThrow(runner, 'nft', ['--file', '-'], { input: removalOf(firewall.tableName) })
    },
  }
}

async function execute(tools: SettingTools, step: HostStep): Promise<void> {
  switch (step.kind) {
    case 'ip':
      await runOrThrow(tools.runner, 'ip', step.args)
      return
    case 'firewall':
      await runOrThrow(tools.runner, 'nft', ['--file', '-'], { input: step.ruleset })
      return
    case 'forwarding':
      await enableForwarding(tools, step.family, step.interfaceName)
      return
    case 'loose-reverse-path':
      await loosenReversePath(tools, step.interfaceName)
  }
}
