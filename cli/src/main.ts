import { describe } from '@trellis/foundation/failure'
import { untilAskedToStop } from '@trellis/foundation/lifetime'
import { Command, Option } from 'commander'
import { type CommandContext, createCommandContext } from './commands/context.ts'
import { runDoctor } from './commands/doctor.ts'
import { runDown } from './commands/down.ts'
import { askGardenForKubeconfig, kubeconfigPath, runKubectl, splitTarget } from './commands/kubectl.ts'
import { runLogs } from './commands/logs.ts'
import { runStatus } from './commands/status.ts'
import { runTests, stages } from './commands/test.ts'
import { runUpCommand } from './commands/up.ts'

const context = (): CommandContext => createCommandContext(untilAskedToStop())
const finish = (code: number): void => {
  process.exitCode = code
}

const program = new Command('trellis')
  .description('Grows Kubernetes clusters on any cloud; this machine is cloud enough.')
  .enablePositionalOptions()
  .showHelpAfterError()

program
  .command('up')
  .description('grow garden, seed and one shoot on this machine; safe to repeat')
  .action(async () => finish(await runUpCommand(context())))
program
  .command('down')
  .description('take away everything that up made')
  .action(async () => finish(await runDown(context())))
program
  .command('status')
  .description('show the tasks of the present or last up')
  .addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text'))
  .action(async ({ output }: { output: 'text' | 'json' }) => finish(await runStatus(context(), output)))
program
  .command('kubectl')
  .description('kubectl with the right kubeconfig: [--garden | --seed | --shoot NAME] ARGUMENTS')
  .passThroughOptions()
  .allowUnknownOption()
  .helpOption(false)
  .argument('[arguments...]')
  .action(async (args: string[]) => finish(await runKubectl(context(), args)))
program
  .command('kubeconfig')
  .description('print the path of a kubeconfig: [--garden | --seed | --shoot NAME]')
  .passThroughOptions()
  .allowUnknownOption()
  .argument('[target...]')
  .action(async (args: string[]) => {
    const { installation, clock } = context()
    const ask = (shoot: string) => askGardenForKubeconfig(installation, clock, shoot)
    process.stdout.write(`${await kubeconfigPath(installation, splitTarget(args).target, ask)}\n`)
  })
program
  .command('logs')
  .description('print the log of a component or the console of a server')
  .passThroughOptions()
  .allowUnknownOption()
  .argument('<component>')
  .argument('[arguments...]')
  .action(async (component: string, args: string[]) => finish(await runLogs(context(), component, args)))
program
  .command('doctor')
  .description('say what this machine lacks and what to do about it')
  .action(async () => finish(await runDoctor(context())))
program
  .command('test')
  .description(`install what is missing and run every test, or some of: ${stages.join(', ')}`)
  .argument('[stages...]')
  .action(async (wanted: string[]) => finish(await runTests(context(), wanted)))

// Whoever reads may stop reading, as `head` does: that ends what is shown and nothing else.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`trellis: ${describe(error)}\n`)
  process.exitCode = 1
}
