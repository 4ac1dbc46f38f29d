import { parseArgs } from 'node:util'
import { chosenNames, countOf } from '../arguments.ts'

/** The parts of the benchmark, in the order in which they run. */
export const partNames = ['fleet', 'hundred', 'delete', 'rolling', 'scaling'] as const
export type PartName = (typeof partNames)[number]

/** What is measured, and how much of it. */
export interface BenchOptions {
  readonly parts: readonly PartName[]
  /** Machines of the parts `fleet` and `rolling`. */
  readonly fleet: number
  readonly rolling: number
  /** Sizes of the part `scaling`. */
  readonly scaling: readonly number[]
  /** How long an idle manager is left alone before it is measured, and then measured. */
  readonly settleSeconds: number
  readonly idleSeconds: number
  /** Directory for a V8 profile of the manager; none is written unless told. */
  readonly profile: string | undefined
}

const full = { fleet: 1000, rolling: 200, scaling: [100, 500, 1000, 2500, 5000], settleSeconds: 20, idleSeconds: 60 }
const quick = { fleet: 50, rolling: 20, scaling: [20, 50], settleSeconds: 3, idleSeconds: 6 }

/** What `--help` prints. */
export const benchHelp = `npm run bench:mcm -- [--quick] [--parts ${partNames.join(',')}] [--machines N] [--sizes N,N] [--profile DIRECTORY]
Prints one JSON object on standard output and progress on standard error; see test/bench/mcm/README.md.
`

/** Reads the arguments; undefined when help is asked for. Throws `Invalid` that names the option. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean', default: false },
      parts: { type: 'string', default: partNames.join(',') },
      machines: { type: 'string' },
      sizes: { type: 'string' },
      profile: { type: 'string' },
    },
  })
  if (values.help === true) return undefined
  const size = values.quick ? quick : full
  const fleet = values.machines === undefined ? size.fleet : countOf(values.machines, '--machines', 'machines')
  const scaling = values.sizes?.split(',').map((text) => countOf(text, '--sizes', 'machines')) ?? size.scaling
  return { ...size, fleet, scaling, parts: chosenNames(values.parts, partNames, '--parts'), profile: values.profile }
}
