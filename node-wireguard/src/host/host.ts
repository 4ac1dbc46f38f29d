import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { HostConfiguration } from './configuration.ts'
import { enableForwarding, readSetting } from './forwarding.ts'
import { type HostStep, planHost } from './plan.ts'
import { takeSnapshot } from './snapshot.ts'

/** The network namespace that this process lives in. */
export interface Host {
  /**
   * Makes the namespace what the configuration says and returns the steps that took; none when it was so already. Throws `Invalid` when a
   * network behind the tunnel is reached by another interface, `Unavailable` when a step fails; repeating is always right.
   */
  apply(configuration: HostConfiguration): Promise<readonly HostStep[]>
}

/** Makes the host. Steps are run with `ip` and `nft`. */
export function createHost(runner: CommandRunner): Host {
  return {
    apply: async (configuration) => {
      const { interfaceName, firewall } = configuration
      const snapshot = await takeSnapshot(runner, readSetting, interfaceName, firewall.tableName)
      const steps = planHost(snapshot, configuration)
      for (const step of steps) await execute(runner, step)
      return steps
    },
  }
}

async function execute(runner: CommandRunner, step: HostStep): Promise<void> {
  switch (step.kind) {
    case 'ip':
      await runOrThrow(runner, 'ip', step.args)
      return
    case 'firewall':
      await runOrThrow(runner, 'nft', ['--file', '-'], { input: step.ruleset })
      return
    case 'forwarding':
      await enableForwarding(runner, step.family, step.interfaceName)
  }
}
