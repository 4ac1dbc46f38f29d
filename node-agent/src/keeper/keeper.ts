import { dirname } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import type { Log } from '@trellis/foundation/log'
import type { DesiredFile } from '../desired-files.ts'
import type { Disk } from '../disk.ts'
import type { Systemd, UnitName } from '../systemd.ts'
import { decideHealth, wellUnit } from './health.ts'

/** What the keeper needs. */
export interface KeeperOptions {
  readonly clock: Clock
  readonly log: Log
  readonly disk: Disk
  readonly systemd: Systemd
  readonly signal: AbortSignal
  /** Whether a unit answers; must settle within a few seconds. */
  readonly probe: (unit: UnitName, signal: AbortSignal) => Promise<boolean>
  /** Told of every restart. */
  readonly onRestart: (unit: UnitName) => void
}

/** Keeps a machine as the steps left it. */
export interface Keeper {
  /** Looks after a unit from now on: one that stops answering is started anew. A second call for the same unit does nothing. */
  guardUnit(unit: UnitName): void
  /** Looks after these files from now on: one that somebody changes or removes is written again, and its unit started anew. */
  guardFiles(files: readonly DesiredFile[]): Promise<void>
}

const probePauseMilliseconds = 10_000

/** Editors write a file in several movements; all of them are answered at once. */
const settleMilliseconds = 500

/** Makes a keeper that works until the signal aborts. */
export function createKeeper(options: KeeperOptions): Keeper {
  const guarded = new Set<UnitName>()
  return {
    guardUnit: (unit) => {
      if (guarded.has(unit)) return
      guarded.add(unit)
      void watchUnit(unit, options)
    },
    guardFiles: (files) => watchFiles(files, options),
  }
}

async function watchUnit(
  unit: UnitName,
  { clock, log, signal, probe, systemd, onRestart }: KeeperOptions,
): Promise<void> {
  let health = wellUnit
  while (!signal.aborted) {
    await clock.sleep(probePauseMilliseconds, signal).catch(() => {})
    if (signal.aborted) return
    const answered = await probe(unit, signal).catch(() => false)
    const decision = decideHealth(health, answered, clock.now())
    health = decision.next
    if (!decision.restart) continue
    log.warn({ unit, restarts: health.restarts }, 'the unit does not answer: starting it anew')
    onRestart(unit)
    await systemd.restart(unit).catch((error: unknown) => log.error({ unit, error }, 'cannot start the unit anew'))
  }
}

async function watchFiles(files: readonly DesiredFile[], options: KeeperOptions): Promise<void> {
  const { clock, disk, log, signal } = options
  let due = false
  const mend = () => {
    due = false
    restoreFiles(files, options).catch((error: unknown) => log.error({ error }, 'cannot restore files'))
  }
  for (const directory of new Set(files.map(({ path }) => dirname(path)))) {
    await disk.watchDirectory(
      directory,
      () => {
        if (due || signal.aborted) return
        due = true
        clock.setTimer(settleMilliseconds, mend, { unref: true })
      },
      signal,
    )
  }
}

/** Writes again whatever is not as it should be, and starts the units anew that read it. */
export async function restoreFiles(
  files: readonly DesiredFile[],
  { disk, log, systemd, onRestart }: Pick<KeeperOptions, 'disk' | 'log' | 'systemd' | 'onRestart'>,
): Promise<void> {
  const units = new Set<UnitName>()
  for (const { path, content, mode, unit } of files) {
    if (!(await disk.write(path, content, mode))) continue
    log.warn({ path }, 'somebody changed a file: wrote it again')
    if (unit !== undefined) units.add(unit)
  }
  if (units.size === 0) return
  await systemd.enable([...units])
  for (const unit of units) {
    onRestart(unit)
    await systemd.restart(unit)
  }
}
