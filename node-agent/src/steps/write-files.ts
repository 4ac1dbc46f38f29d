import type { AgentContext } from '../context.ts'
import { desiredFiles } from '../desired-files.ts'
import type { Step } from '../runner.ts'

/** Lays down every file of this machine and makes its units start at boot. */
export function writeFiles({ configuration, facts, settings, disk, systemd, changedUnits }: AgentContext): Step {
  return {
    name: 'write-files',
    after: [],
    run: async () => {
      for (const { path, content, mode, unit } of desiredFiles(configuration, facts, settings)) {
        const changed = await disk.write(path, content, mode)
        if (changed && unit !== undefined) changedUnits.add(unit)
      }
      await systemd.enable(['containerd', 'kubelet'])
    },
  }
}
