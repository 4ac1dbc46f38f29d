import { type LaunchRelay, launchRelay } from '../src/relay/process.ts'
import type { Namespace } from './namespaces.ts'

/** Starts relay programs inside a namespace. */
export interface RelayLauncher {
  readonly launch: LaunchRelay
  /** The process that was started last; 0 when none was. */
  processId(): number
}

/** Makes a launcher. What it starts ends with this process at the latest. */
export function relayLauncherIn(namespace: Namespace): RelayLauncher {
  let processId = 0
  return {
    launch: (program, args, lines) => {
      // Each step on the way to the program replaces itself by the next.
      const launched = launchRelay('ip', ['netns', 'exec', namespace.name, program, ...args], lines)
      processId = launched.processId ?? 0
      return launched
    },
    processId: () => processId,
  }
}
