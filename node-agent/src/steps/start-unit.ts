import type { AgentContext } from '../context.ts'
import type { Step } from '../runner.ts'
import type { UnitName } from '../systemd.ts'

/** Gets a unit running with the files that it has now. A unit that runs with these already is left alone. */
export function startUnit(context: AgentContext, unit: UnitName, after: readonly string[]): Step {
  const { systemd, changedUnits } = context
  return {
    name: `start-${unit}`,
    after,
    run: async () => {
      if (changedUnits.has(unit)) await systemd.restart(unit)
      else await systemd.start(unit)
      changedUnits.delete(unit)
    },
  }
}
