import { parseArgs } from 'node:util'
import { chosenNames, countOf } from '../arguments.ts'

/** The parts of the benchmark, in the order in which they run. */
export const partNames = ['streams', 'recovery', 'frontDoor', 'exec'] as const
export type PartName = (typeof partNames)[number]

/** What is compared, in the order of a round. */
export const variantNames = ['raw', 'bare', 'fallback', 'tunnel', 'openvpn', 'konnectivity', 'http-connect'] as const
export type VariantName = (typeof variantNames)[number]

/** What is measured, and how much of it. */
export interface BenchOptions {
  readonly parts: readonly PartName[]
  readonly variants: readonly VariantName[]
  /** How often every variant has its turn. */
  readonly rounds: number
  /** How long a stream in one direction is measured each time. */
  readonly streamSeconds: number
  readonly roundTripSeconds: number
  /** How long tunnels are left alone before their idle memory is read. */
  readonly settleSeconds: number
  /** How often each end dies in each way. */
  readonly deaths: number
  /** How many tunnels go through the front door, and how long it is watched while they are idle: longer than the two minutes after which each begins a new session. */
  readonly shoots: number
  readonly idleSeconds: number
  /** How many commands are run by each way, by one client and by kubectl. */
  readonly execs: number
  readonly kubectlExecs: number
}

const full = {
  rounds: 7,
  streamSeconds: 4,
  roundTripSeconds: 1,
  settleSeconds: 20,
  deaths: 5,
  shoots: 200,
  idleSeconds: 130,
  execs: 200,
  kubectlExecs: 40,
}
const quick = {
  rounds: 2,
  streamSeconds: 1,
  roundTripSeconds: 0.3,
  settleSeconds: 3,
  deaths: 1,
  shoots: 40,
  idleSeconds: 15,
  execs: 40,
  kubectlExecs: 10,
}

/** What `--help` prints. */
export const benchHelp = `npm run bench:vpn -- [--quick] [--parts ${partNames.join(',')}] [--variants ${variantNames.join(',')}] [--rounds N] [--shoots N]
Prints one JSON object on standard output and progress on standard error; see test/bench/vpn/README.md.
`

/** Reads the arguments; undefined when help is asked for. Throws `Invalid` that names the option. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean', default: false },
      parts: { type: 'string', default: partNames.join(',') },
      variants: { type: 'string', default: variantNames.join(',') },
      rounds: { type: 'string' },
      shoots: { type: 'string' },
    },
  })
  if (values.help === true) return undefined
  const size = values.quick ? quick : full
  return {
    ...size,
    shoots: values.shoots === undefined ? size.shoots : countOf(values.shoots, '--shoots', 'shoots'),
    rounds: values.rounds === undefined ? size.rounds : countOf(values.rounds, '--rounds', 'rounds'),
    parts: chosenNames(values.parts, partNames, '--parts'),
    variants: chosenNames(values.variants, variantNames, '--variants'),
  }
}
