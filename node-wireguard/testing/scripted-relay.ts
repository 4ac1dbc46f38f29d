import type { RelayEvent } from '../src/relay/messages.ts'
import type { LaunchRelay } from '../src/relay/process.ts'

/** One start of a relay program that does nothing but what a test tells it: for faults that the real one cannot be brought to. */
export interface ScriptedRelay {
  readonly args: readonly string[]
  /** What it was told, in order. */
  readonly commands: readonly Readonly<Record<string, unknown>>[]
  say(event: RelayEvent): void
  end(how: string): void
  hasEnded(): boolean
}

/** Starts scripted relays. Each listens at once, a client on the port that it is given or else on 4000. */
export function scriptedRelays(): { readonly launch: LaunchRelay; readonly started: readonly ScriptedRelay[] } {
  const started: ScriptedRelay[] = []
  const launch: LaunchRelay = (_program, args, { onOutput }) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const commands: Record<string, unknown>[] = []
    let over = false
    const relay: ScriptedRelay = {
      args,
      commands,
      say: (event) => onOutput(JSON.stringify(event)),
      end: (how) => {
        over = true
        resolve(how)
      },
      hasEnded: () => over,
    }
    started.push(relay)
    const port = args[1] === undefined || args[1] === '0' ? '4000' : args[1]
    relay.say({ event: 'listening', address: `127.0.0.1:${port}` })
    return {
      ended: promise,
      processId: undefined,
      write: (line) => void commands.push(JSON.parse(line)),
      terminate: () => relay.end('exit code 0'),
      kill: () => relay.end('signal SIGKILL'),
    }
  }
  return { launch, started }
}
