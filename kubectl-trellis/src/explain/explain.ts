import { connect } from '../cluster.ts'
import type { CommandOptions, CommandPorts } from '../command.ts'
import { explanationOf } from './explanation.ts'
import { gatherFacts } from './facts.ts'
import { renderExplanation } from './render.ts'

/** Prints why a machine is what it is; resolves with 0 also when it is not well. */
export async function explainMachine(
  name: string,
  options: CommandOptions,
  { clock, environment, print }: CommandPorts,
): Promise<number> {
  const { client, namespace } = await connect(clock, options, environment)
  using _ = client
  const facts = await gatherFacts(client, options.namespace ?? namespace ?? 'default', name)
  const explanation = explanationOf(facts, clock.now())
  print(options.output === 'json' ? `${JSON.stringify(explanation, undefined, 2)}\n` : renderExplanation(explanation))
  return 0
}
