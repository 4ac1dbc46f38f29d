import { parseArgs } from 'node:util'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { explainMachine } from './explain/explain.ts'
import { planFile } from './plan/plan.ts'

/** What the commands need of the process that they run in. */
export interface CommandPorts {
  readonly clock: Clock
  readonly runner: CommandRunner
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly print: (text: string) => void
  /** All of standard input. */
  readonly readInput: () => Promise<string>
}

/** What may be asked of every command. */
export interface CommandOptions {
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly namespace: string | undefined
  readonly targetKubeconfig: string | undefined
  readonly file: string | undefined
  readonly output: 'text' | 'json'
}

const usage = `kubectl trellis explain machine NAME   why a machine is what it is, what happens next, and what to do
kubectl trellis plan -f FILE           what applying FILE would do to machines: replaced, updated, untouched

  -n, --namespace NAME        namespace of the machines; that of the context unless told
      --kubeconfig FILE       cluster that holds the machines; $KUBECONFIG unless told
      --context NAME          context of the kubeconfig
      --target-kubeconfig FILE  plan: cluster that the machines have joined, to look for budgets that would block
  -f, --filename FILE         plan: manifests, - for standard input
  -o, --output json           for programs
`

const options = {
  namespace: { type: 'string', short: 'n' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  'target-kubeconfig': { type: 'string' },
  filename: { type: 'string', short: 'f' },
  output: { type: 'string', short: 'o', default: 'text' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** Runs one command and resolves with its exit code. Throws a failure that names the argument at fault. */
export async function runCommand(args: readonly string[], ports: CommandPorts): Promise<number> {
  const { values, positionals } = parse(args)
  const [verb, kind, name, ...rest] = positionals
  if (values.help || verb === undefined || verb === 'help') {
    ports.print(usage)
    return verb === undefined && !values.help ? 2 : 0
  }
  const { kubeconfig, context, namespace, filename: file } = values
  const asked = { kubeconfig, context, namespace, file, targetKubeconfig: values['target-kubeconfig'] }
  const command: CommandOptions = { ...asked, output: outputOf(values.output) }
  if (verb === 'plan') {
    if (kind !== undefined) throw wrong(kind, 'plan takes no names: name a file with -f')
    return planFile(command, ports)
  }
  if (verb !== 'explain') throw wrong(verb, 'there are explain and plan')
  if (!['machine', 'machines', 'mc'].includes(kind ?? '')) throw wrong(kind ?? '', 'write explain machine NAME')
  if (name === undefined || rest.length > 0) throw wrong(rest[0] ?? '', 'explain machine takes exactly one name')
  return explainMachine(name, command, ports)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    throw new Failure('Invalid', error instanceof Error ? error.message : String(error), {
      remedy: 'see kubectl trellis --help',
    })
  }
}

function outputOf(text: string): CommandOptions['output'] {
  if (text === 'text' || text === 'json') return text
  throw new Failure('Invalid', `there is no output ${text}`, { field: '--output', remedy: 'write json, or nothing' })
}

function wrong(argument: string, remedy: string): Failure {
  return new Failure('Invalid', argument === '' ? 'an argument is missing' : `${argument} is not understood`, {
    remedy,
  })
}
