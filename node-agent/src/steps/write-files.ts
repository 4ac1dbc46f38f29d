import type { AgentContext } from '../context.ts'
import { desiredFiles } from '../desired-files.ts'
import type { Step } from '../runner.ts'
import type { UnitName } from '../systemd.ts'

const units: readonly UnitName[] = ['containerd', 'kubelet']

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
      const links = units.map((unit) => disk.exists(`/etc/systemd/system/multi-user.target.wants/${unit}.service`))
      if (changedUnits.size > 0 || (await Promise.all(links)).includes(false)) await systemd.enable(units)
    },
  }
}
