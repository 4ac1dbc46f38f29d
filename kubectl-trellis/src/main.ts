import { text } from 'node:stream/consumers'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { describe } from '@trellis/foundation/failure'
import { runCommand } from './command.ts'

// Whoever reads may stop reading, as `head` does: that ends what is shown and nothing else.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  process.exitCode = await runCommand(process.argv.slice(2), {
    clock: createSystemClock(),
    runner: createCommandRunner(),
    environment: process.env,
    print: (text) => process.stdout.write(text),
    readInput: () => text(process.stdin),
  })
} catch (error) {
  process.stderr.write(`kubectl trellis: ${describe(error)}\n`)
  process.exitCode = 1
}
