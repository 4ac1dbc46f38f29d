import { rm } from 'node:fs/promises'
import { requireRoot } from '../doctor/doctor.ts'
import { paths } from '../installation.ts'
import { discard } from '../store.ts'
import { takeLock } from '../up/lock.ts'
import type { CommandContext } from './context.ts'

/** Takes away whatever `trellis up` made on this machine; what is cached stays. Safe to repeat. */
export async function runDown(context: CommandContext): Promise<number> {
  requireRoot(context.host)
  const { installation, daemon, screen } = context
  {
    await using _lock = await takeLock(paths(installation).lock)
    screen.write('stopping the cloud\n')
    await daemon.stop()
    screen.write('removing machines, networks, mounts and control groups\n')
    await daemon.tearDown()
    await discard(installation.stateDirectory)
  }
  await rm(installation.runDirectory, { recursive: true, force: true })
  screen.write(`everything is gone but the cached parts in ${installation.cacheDirectory}\n`)
  return 0
}
