import { readFile, rm } from 'node:fs/promises'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import type { Configuration } from './configuration.ts'
import { consoleKeepersBelow } from './console-keeper.ts'
import { createContainerRuntime } from './container-runtime.ts'
import { destroyControlGroup } from './control-groups.ts'
import { listNamespaces, removeNamespace } from './host-network.ts'
import { stopCloud } from './launch.ts'
import { parseMounts, removeTree } from './mounts.ts'
import { idInNamespace, namesOf, placesOf } from './names.ts'
import { signalProcess } from './processes.ts'

/** What tearing down needs. */
export interface TeardownPorts {
  readonly clock: Clock
  readonly runner: CommandRunner
}

/**
 * Frees all that an installation's cloud ever made on this host: processes, containers, control groups, mounts, namespaces, interfaces and
 * files. Goes by names and not by records, so it works when those are lost. Harmless when there is nothing.
 */
export async function teardown(
  { clock, runner }: TeardownPorts,
  configuration: Pick<Configuration, 'instance' | 'stateDirectory' | 'runDirectory'>,
): Promise<void> {
  const { instance } = configuration
  const names = namesOf(instance)
  const places = placesOf(configuration.stateDirectory, configuration.runDirectory)
  await stopCloud({ clock }, places)
  const runtime = createContainerRuntime(runner, places.runcRoot)
  for (const id of await runtime.list()) await runtime.remove(id)
  await destroyControlGroup(clock, `/${instance}`)
  for (const pid of await consoleKeepersBelow(places.machines)) signalProcess(pid, 'SIGKILL')
  for (const point of await strayRoots(instance)) await runOrThrow(runner, 'umount', ['--lazy', point])
  await runner.run('ip', ['link', 'delete', names.hostInterface])
  for (const namespace of await listNamespaces(runner)) {
    if (namespace !== names.coreNamespace && idInNamespace(instance, namespace) === undefined) continue
    await endProcessesIn(runner, namespace)
    await removeNamespace(runner, namespace)
  }
  await removeTree(runner, places.stateDirectory)
  for (const file of [places.socketPath, places.supervisorPidFile, places.daemonPidFile])
    await rm(file, { force: true })
  await rm(places.runcRoot, { recursive: true, force: true })
}

/** Roots of this installation's machines, wherever they are mounted: known by the name that they were mounted under. */
async function strayRoots(instance: string): Promise<readonly string[]> {
  const mounts = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'))
  const ours = mounts.filter((mount) => mount.type === 'overlay' && idInNamespace(instance, mount.source) !== undefined)
  return ours.map((mount) => mount.point).reverse()
}

async function endProcessesIn(runner: CommandRunner, namespace: string): Promise<void> {
  const text = await runOrThrow(runner, 'ip', ['netns', 'pids', namespace]).catch(() => '')
  for (const line of text.split('\n')) if (line.trim() !== '') signalProcess(Number(line), 'SIGKILL')
}
