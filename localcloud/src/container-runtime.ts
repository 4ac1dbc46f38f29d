import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createParser } from '@trellis/foundation/schema'
import Type from 'typebox'

/** What the runtime knows of a container. */
export interface ContainerState {
  readonly id: string
  readonly status: 'creating' | 'created' | 'running' | 'paused' | 'stopped'
  readonly pid: number
}

/** Runs containers from OCI bundles. They live on when this process ends. */
export interface ContainerRuntime {
  /** Starts a container and returns once its first process runs. */
  run(id: string, bundle: string): Promise<void>
  /** The container's state; undefined when there is none. */
  state(id: string): Promise<ContainerState | undefined>
  /** Ends the container and forgets it; harmless when there is none. */
  remove(id: string): Promise<void>
  /** Ids of all containers below this runtime's root. */
  list(): Promise<readonly string[]>
}

const stateParser = createParser(
  Type.Object({
    id: Type.String(),
    status: Type.Union([
      Type.Literal('creating'),
      Type.Literal('created'),
      Type.Literal('running'),
      Type.Literal('paused'),
      Type.Literal('stopped'),
    ]),
    pid: Type.Integer(),
  }),
  'runc state',
)
/** How many containers may go away, one after the other, while a list is made. */
const listTries = 5

const listParser = createParser(Type.Union([Type.Null(), Type.Array(Type.Object({ id: Type.String() }))]), 'runc list')

/** The runtime `runc`, with its records below `root`. */
export function createContainerRuntime(runner: CommandRunner, root: string): ContainerRuntime {
  const runc = (...args: readonly string[]) => runner.run('runc', ['--root', root, ...args])
  return {
    run: async (id, bundle) => {
      // The container inherits this process's streams; pipes to the daemon would end with the daemon and then kill whoever writes to them.
      const script =
        'exec runc --root "$1" --log "$2/runc.log" run --detach --bundle "$2" "$3" </dev/null >/dev/null 2>&1'
      const result = await runner.run('sh', ['-c', script, 'sh', root, bundle, id])
      if (result.code === 0) return
      const log = await runOrThrow(runner, 'tail', ['-c', '2000', `${bundle}/runc.log`]).catch(() => '')
      throw new Failure('Unavailable', `runc could not start container ${id} (code ${result.code}): ${log.trim()}`)
    },
    state: async (id) => {
      const result = await runc('state', id)
      if (result.code === 0) return stateParser.parse(JSON.parse(result.stdout))
      if (/does not exist/.test(result.stderr)) return undefined
      throw new Failure('Unavailable', `runc state ${id}: ${result.stderr.trim()}`)
    },
    remove: async (id) => {
      const result = await runc('delete', '--force', id)
      if (result.code === 0 || /does not exist/.test(result.stderr)) return
      throw new Failure('Unavailable', `runc delete ${id}: ${result.stderr.trim()}`)
    },
    list: async () => {
      const ask = () => runc('list', '--format', 'json')
      let result = await ask()
      // runc gives up the whole list when a container goes away while it looks at it.
      for (let tries = 1; result.code !== 0 && tries < listTries; tries++) result = await ask()
      if (result.code !== 0) throw new Failure('Unavailable', `runc list: ${result.stderr.trim()}`)
      return (listParser.parse(JSON.parse(result.stdout)) ?? []).map((container) => container.id)
    },
  }
}
