import { type CommandOptions, type CommandRunner, runOrThrow } from '@trellis/foundation/command'

/**
 * Runs a program that is expected to succeed in process and mount namespaces of its own: when it ends, when the signal aborts or when
 * this process dies, everything that it started and mounted is gone with it. Otherwise like `runOrThrow`.
 */
export function runContained(
  runner: CommandRunner,
  program: string,
  args: readonly string[],
  options: Omit<CommandOptions, 'killSignal'>,
): Promise<string> {
  const containment = [
    '--pdeathsig',
    'KILL',
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=KILL',
    '--mount-proc',
  ]
  return runOrThrow(runner, 'setpriv', [...containment, program, ...args], { ...options, killSignal: 'SIGKILL' })
}
