import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { bundleOf, type MachineDirectories, machineDirectoriesOf } from './bundle.ts'
import { boundLog, endConsole, keepConsole, readConsole } from './console-keeper.ts'
import type { ContainerRuntime } from './container-runtime.ts'
import { destroyControlGroup } from './control-groups.ts'
import type { HostFacts } from './host-facts.ts'
import { datasourceEnvironment, identityFiles } from './machine-files.ts'
import { makePrivateMount, mountPoints, removeTree } from './mounts.ts'
import { cgroupOf, namespaceOf } from './names.ts'
import { findProcess } from './processes.ts'
import type { ProcessRecord } from './records.ts'
import type { Datasource, Flavor, Image } from './schemas.ts'

/** What a machine is made of. */
export interface MachineRequest {
  readonly serverId: string
  readonly name: string
  readonly privateAddress: string
  readonly image: Image
  readonly flavor: Flavor
  /** Whose metadata service it is to ask, as cloud-init calls it; this cloud's own when absent. */
  readonly datasource?: Datasource | undefined
}

/** Runs machines on this host. Everything may be repeated, and be cut off anywhere and repeated. */
export interface MachineHost {
  /** Readies the directory of all machines; once before anything else. */
  prepare(): Promise<void>
  /** Makes the machine and returns the first of its processes. A machine that runs already is left alone. Its network namespace must be there. */
  start(request: MachineRequest): Promise<ProcessRecord>
  /** The first process of the machine; undefined when it does not run. */
  find(serverId: string): Promise<ProcessRecord | undefined>
  /** Ends the machine and frees all that it has but its network. Harmless when there is none. */
  destroy(serverId: string): Promise<void>
  /** The last lines of its console. */
  console(serverId: string, lines: number): Promise<string>
  /** Cuts an overlong console log. */
  boundConsole(serverId: string): Promise<void>
}

/** What the machine host needs. */
export interface MachineHostOptions {
  readonly clock: Clock
  readonly runner: CommandRunner
  readonly runtime: ContainerRuntime
  readonly facts: HostFacts
  readonly instance: string
  /** Directory of all machines. */
  readonly machines: string
  /** Address of the name server that machines ask. */
  readonly nameServer: string
}

/** Runs machines as system containers. */
export function createMachineHost(options: MachineHostOptions): MachineHost {
  const { clock, runner, runtime, instance, machines } = options
  const directoriesOf = (serverId: string) => machineDirectoriesOf(machines, serverId)
  const find = async (serverId: string): Promise<ProcessRecord | undefined> => {
    const state = await runtime.state(namespaceOf(instance, serverId))
    return state?.status === 'running' ? await findProcess(state.pid) : undefined
  }
  return {
    prepare: async () => {
      await mkdir(machines, { recursive: true, mode: 0o700 })
      await makePrivateMount(runner, machines)
    },
    start: async (request) => {
      const running = await find(request.serverId)
      if (running !== undefined) return running
      const directories = directoriesOf(request.serverId)
      await runtime.remove(namespaceOf(instance, request.serverId))
      await layOut(options, request, directories)
      const consoleDevice = await keepConsole(clock, runner, directories)
      const environment = request.datasource === undefined ? {} : datasourceEnvironment[request.datasource]
      const bundle = bundleOf({ instance, ...request, directories, consoleDevice, environment }, options.facts)
      await writeFile(join(directories.bundle, 'config.json'), JSON.stringify(bundle, null, 2), { mode: 0o600 })
      await runtime.run(namespaceOf(instance, request.serverId), directories.bundle)
      const started = await find(request.serverId)
      if (started !== undefined) return started
      throw new Failure('Unavailable', `machine ${request.name} ended as soon as it was started`, {
        remedy: 'read its console; the image may lack /sbin/init',
      })
    },
    find,
    destroy: async (serverId) => {
      const directories = directoriesOf(serverId)
      await runtime.remove(namespaceOf(instance, serverId))
      await destroyControlGroup(clock, cgroupOf(instance, serverId))
      await endConsole(clock, directories)
      await removeTree(runner, directories.machine)
    },
    console: (serverId, lines) => readConsole(directoriesOf(serverId).consoleLog, lines),
    boundConsole: (serverId) => boundLog(directoriesOf(serverId).consoleLog),
  }
}

/** Makes the machine's directories and mounts its root: the image's layers with its own changes on top. */
async function layOut(
  { clock, runner, instance, nameServer }: MachineHostOptions,
  request: MachineRequest,
  directories: MachineDirectories,
): Promise<void> {
  const { upper, work, root, bundle, containerd, kubelet } = directories
  if ((await mountPoints()).includes(root)) return
  // A first attempt that was cut off before the mount may have left half a directory.
  await endConsole(clock, directories)
  await removeTree(runner, directories.machine)
  for (const directory of [upper, work, root, bundle, containerd, kubelet]) {
    await mkdir(directory, { recursive: true, mode: 0o755 })
  }
  for (const file of identityFiles({ instance, nameServer, ...request })) {
    const path = join(upper, file.path)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await writeFile(path, file.content, { mode: file.mode })
  }
  // A machine never outlives its host's memory, so its root need not be flushed to disk at every fsync.
  const overlay = `lowerdir=${lowerDirectories(request.image)},upperdir=${upper},workdir=${work},volatile`
  await runOrThrow(runner, 'mount', ['-t', 'overlay', `${instance}-${request.serverId}`, '-o', overlay, root])
}

/** The layers as overlayfs wants them, the uppermost first. */
function lowerDirectories(image: Image): string {
  const unfit = image.layers.find((layer) => !layer.startsWith('/') || /[:,\\]/.test(layer))
  if (unfit !== undefined) {
    throw new Failure('Invalid', `layer ${unfit} of image ${image.name} cannot be mounted`, {
      field: 'image',
      remedy: 'use absolute paths without colon, comma and backslash',
    })
  }
  return [...image.layers].reverse().join(':')
}
