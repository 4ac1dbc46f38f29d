import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'
import { type DebianProgram, type DebianProgramPorts, debianPackage, debianProgram } from '../debian-program.ts'
import { type DebianKernel, debianKernel } from './debian-kernel.ts'
import { packInitialFiles } from './initial-files.ts'

/** What virtual machines are made of. */
export interface VirtualMachineParts {
  readonly emulator: DebianProgram
  /** Folders in which the emulator finds its firmware; none where it is installed. */
  readonly firmware: readonly string[]
  readonly kernel: DebianKernel
  readonly busybox: string
}

/** Gets the parts, from the cache where they are there. Throws `Unavailable` with the remedy. */
export async function virtualMachineParts(ports: DebianProgramPorts): Promise<VirtualMachineParts> {
  const shell = await debianPackage(ports, { name: 'busybox-static', package: 'busybox-static', alone: true })
  const busybox = join(shell, 'bin/busybox')
  const name = 'qemu-system-x86_64'
  const emulator = await debianProgram(ports, { name, package: 'qemu-system-x86', path: `usr/bin/${name}` })
  const share = join(emulator.program, '../../share')
  return {
    ...{ emulator, busybox },
    firmware: ['seabios', 'qemu', 'ipxe/qemu'].map((folder) => join(share, folder)),
    kernel: await debianKernel(ports, busybox),
  }
}

/** What to run in a machine of its own. */
export interface VirtualMachineRun {
  /** Lines of a shell script. Writes to `/result` are found in `resultDirectory`; all others are lost. */
  readonly script: string
  readonly resultDirectory: string
  readonly signal: AbortSignal
}

/** What a run has left behind, apart from its results. */
export interface VirtualMachineOutcome {
  /** Exit code of the script; undefined when the machine ended before it. */
  readonly code: number | undefined
  readonly said: string
}

/**
 * Runs a script under Debian's kernel, on all files of this host as they are, which it can read and not write. The machine is emulated: nothing is asked of
 * this host's processor, and everything takes several times as long. It has no network. Throws `Unavailable` when the emulator fails.
 */
export async function runInVirtualMachine(
  { runner }: DebianProgramPorts,
  { emulator, firmware, kernel, busybox }: VirtualMachineParts,
  { script, resultDirectory, signal }: VirtualMachineRun,
): Promise<VirtualMachineOutcome> {
  const directory = await mkdtemp(join(tmpdir(), 'trellis-machine-'))
  try {
    const [archive, scratch] = [join(directory, 'initial'), join(directory, 'scratch')]
    await mkdir(scratch)
    await packInitialFiles(runner, { kernel, busybox, archive, scratch })
    await writeFile(join(resultDirectory, 'command'), script)
    const args = [
      ...firmware.flatMap((folder) => ['-L', folder]),
      ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '3072'],
      ...['-display', 'none', '-vga', 'none', '-monitor', 'none', '-serial', 'stdio', '-nic', 'none', '-no-reboot'],
      ...['-kernel', kernel.image, '-initrd', archive],
      ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off'],
      ...['-virtfs', share('/', 'host', ',readonly=on')],
      ...['-virtfs', share(resultDirectory, 'result', '')],
      ...['-device', 'virtio-rng-pci'],
    ]
    const { environment } = emulator
    const ended = await runner.run(emulator.program, args, { environment, signal })
    if (ended.code !== 0)
      throw new Failure('Unavailable', `the emulator ended with ${ended.code}: ${ended.stderr.slice(-2000)}`)
    return { code: await codeIn(resultDirectory), said: ended.stdout }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function share(path: string, name: string, more: string): string {
  return `local,path=${path},mount_tag=${name},security_model=none,multidevs=remap${more}`
}

async function codeIn(directory: string): Promise<number | undefined> {
  const text = await readFile(join(directory, 'code'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Number(text)
}
