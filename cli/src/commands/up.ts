import { requireRoot } from '../doctor/doctor.ts'
import { paths } from '../installation.ts'
import { reportMemory } from '../processes/memory.ts'
import { readProcesses } from '../processes/read-processes.ts'
import { takeLock } from '../up/lock.ts'
import { runUp } from '../up/run-up.ts'
import type { CommandContext } from './context.ts'
import { belongsTo } from './status.ts'

/** Grows garden, seed and the first shoot, then says how to use them. */
export async function runUpCommand(context: CommandContext): Promise<number> {
  requireRoot(context.host)
  await using _lock = await takeLock(paths(context.installation).lock)
  const { seconds } = await runUp(context)
  const memory = reportMemory(await readProcesses(), belongsTo(context.installation))
  const ours = memory.programs.filter((program) => program.class === 'trellis')
  const largest = ours.map(({ name, largestMiB }) => `${name} ${largestMiB}`).join(', ')
  context.screen.write(`
The shoot "first" is ready after ${seconds.toFixed(1)} s.
Trellis and the control planes use ${memory.rssMiB} MiB (each process of Trellis in MiB: ${largest}); the nodes use ${memory.byClass.node} MiB.

  ./trellis kubectl get nodes              the shoot
  ./trellis kubectl --seed get pods -A     its control plane, in the seed
  ./trellis status                         how long each task took
  ./trellis down                           take everything away
`)
  return 0
}
