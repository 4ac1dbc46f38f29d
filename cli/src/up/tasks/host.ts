import { ensureHostPackages, type HostProgram } from '@trellis/distribution/obtain/host-packages'
import type { Task } from '@trellis/flow/task'
import { allChecks } from '../../doctor/checks.ts'
import { examine, requireHealthy } from '../../doctor/doctor.ts'
import type { UpServices } from '../services.ts'

/** Programs that the embedded cloud and the parts call on the host. */
export const neededPrograms: readonly HostProgram[] = [
  'runc',
  'ip',
  'nft',
  'socat',
  'conntrack',
  'pgrep',
  'mmdebstrap',
  'unzip',
]

/** Refuses to begin on a host that cannot carry the installation, then installs the Debian packages that are missing. */
export const host: Task<UpServices> = {
  id: 'host',
  dependsOn: [],
  run: async ({ services, note }) => {
    requireHealthy(await examine(services.host, allChecks(services.installation)))
    await ensureHostPackages(services.runner, neededPrograms, (line) => note(line))
  },
}
