/** One process as `/proc` tells of it. */
export interface ProcessView {
  readonly pid: number
  readonly args: readonly string[]
  readonly residentBytes: number
  /** Paths of its control groups. */
  readonly controlGroups: readonly string[]
}

/** Whose memory a process is. `trellis`: ours. `controlPlane`: upstream programs of a control plane. `node`: what any Kubernetes node runs. */
export type MemoryClass = 'trellis' | 'controlPlane' | 'node'

/** Memory of one installation in MiB, by class and by program. */
export interface MemoryReport {
  /** What the promise of at most 2,560 MiB is about: Trellis and the control planes. */
  readonly rssMiB: number
  readonly byClass: Readonly<Record<MemoryClass, number>>
  readonly programs: readonly {
    readonly name: string
    readonly class: MemoryClass
    readonly count: number
    readonly rssMiB: number
    readonly largestMiB: number
  }[]
}

const controlPlanePrograms = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd']
const ourPrograms = [
  'node-agent',
  'wireguard-go',
  'localcloud',
  'mcm',
  'cluster-bootstrap',
  'cloud-controller-manager',
  'vpn-seed',
  'vpn-shoot',
  'front-door',
  'trellis',
]
const mebibyte = 1024 * 1024

/** Sums the processes of one installation: those in its control groups and those that run from its repository. */
export function reportMemory(
  processes: readonly ProcessView[],
  belongs: (process: ProcessView) => boolean,
): MemoryReport {
  const programs = new Map<string, { class: MemoryClass; count: number; bytes: number; largest: number }>()
  for (const process of processes.filter(belongs)) {
    const name = programName(process)
    const entry = programs.get(name) ?? { class: classOf(name), count: 0, bytes: 0, largest: 0 }
    entry.count += 1
    entry.bytes += process.residentBytes
    entry.largest = Math.max(entry.largest, process.residentBytes)
    programs.set(name, entry)
  }
  const sum = (wanted: MemoryClass): number =>
    toMebibytes(
      [...programs.values()].filter((entry) => entry.class === wanted).reduce((total, entry) => total + entry.bytes, 0),
    )
  const byClass = { trellis: sum('trellis'), controlPlane: sum('controlPlane'), node: sum('node') }
  return {
    rssMiB: byClass.trellis + byClass.controlPlane,
    byClass,
    programs: [...programs.entries()]
      .map(([name, { class: memoryClass, count, bytes, largest }]) => ({
        name,
        class: memoryClass,
        count,
        rssMiB: toMebibytes(bytes),
        largestMiB: toMebibytes(largest),
      }))
      .sort((a, b) => b.rssMiB - a.rssMiB),
  }
}

/** The name a person knows a process by: that of our deployable, or of the program. */
export function programName(process: ProcessView): string {
  const [program = '', ...args] = process.args
  const base = program.split('/').at(-1) ?? ''
  if (base !== 'node') return base
  const script = args.find((argument) => /\.m?[jt]s$/.test(argument)) ?? ''
  const name = /([a-z-]+)(?:\/src\/main)?\.m?[jt]s$/.exec(script)?.[1] ?? base
  return name === 'cli' ? 'trellis' : name
}

function classOf(name: string): MemoryClass {
  if (controlPlanePrograms.includes(name)) return 'controlPlane'
  return ourPrograms.includes(name) || name === 'node' ? 'trellis' : 'node'
}

function toMebibytes(bytes: number): number {
  return Math.round(bytes / mebibyte)
}
