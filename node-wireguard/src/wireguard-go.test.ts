import { createSystemClock } from '@trellis/foundation/clock'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { describe, expect, it } from 'vitest'
import { eventually } from '../testing/eventually.ts'
import { openUapiServer, type UapiServer } from '../testing/uapi-server.ts'
import type { Launch } from './launcher.ts'
import { startWireGuardGo, type WireGuardGoOptions } from './wireguard-go.ts'

/** Programs that serve the socket while they run. */
function programs(server: UapiServer) {
  const started: { environment: Readonly<Record<string, string>>; end(how: string): Promise<void> }[] = []
  const launch: Launch = (_program, _args, { environment }) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const alive = server.live()
    const end = async (how: string) => {
      await alive
      await server.die()
      resolve(how)
    }
    started.push({ environment, end })
    return { ended: promise, terminate: () => void end('signal SIGTERM'), kill: () => void end('signal SIGKILL') }
  }
  return { started, launch }
}

function optionsFor(server: UapiServer, launch: Launch): WireGuardGoOptions {
  return {
    clock: createSystemClock(),
    random: createSeededRandom('go'),
    log: createSilentLog(),
    interfaceName: 'wg0',
    socketPath: server.socketPath,
    launch,
  }
}

const answer = () => 'listen_port=0\nerrno=0\n\n'

describe('the supervision of wireguard-go', () => {
  it('starts it within bounds, again when it ends, and not after it was told to stop', async () => {
    await using server = await openUapiServer(answer, false)
    const { started, launch } = programs(server)
    let starts = 0
    const go = await startWireGuardGo({
      ...optionsFor(server, launch),
      memoryLimitMebibytes: 64,
      onStart: () => {
        starts++
      },
    })
    expect(started[0]?.environment).toMatchObject({ GOMEMLIMIT: '64MiB' })
    expect({ starts, restarts: go.restarts() }).toEqual({ starts: 1, restarts: 0 })
    await started[0]?.end('signal SIGSEGV')
    await eventually('a second start', () => (starts === 2 ? true : undefined))
    expect(go.restarts()).toBe(1)
    expect(go.problem()).toBeUndefined()
    expect((await go.device.read()).peers).toEqual([])
    await go[Symbol.asyncDispose]()
    expect(started).toHaveLength(2)
  })

  it('takes over a process that already serves the interface', async () => {
    await using server = await openUapiServer(answer)
    const { started, launch } = programs(server)
    const go = await startWireGuardGo(optionsFor(server, launch))
    expect(started).toHaveLength(0)
    await server.die()
    await eventually('one of our own', () => (started.length === 1 ? true : undefined))
    await eventually('its answer', () => (go.problem() === undefined ? true : undefined))
    await go[Symbol.asyncDispose]()
  })

  it('says what it said when it does not start', async () => {
    await using server = await openUapiServer(answer, false)
    const launch: Launch = (_program, _args, { onLine }) => {
      onLine('Failed to create TUN device')
      return { ended: Promise.resolve('exit code 1'), terminate() {}, kill() {} }
    }
    await expect(startWireGuardGo(optionsFor(server, launch))).rejects.toMatchObject({
      kind: 'Unavailable',
      message: expect.stringMatching(/exit code 1.*Failed to create TUN device/),
      remedy: expect.stringContaining('/dev/net/tun'),
    })
  })

  it('says that the program is missing', async () => {
    await using server = await openUapiServer(answer, false)
    const { launch: _, ...options } = optionsFor(server, () => ({
      ended: Promise.resolve(''),
      terminate() {},
      kill() {},
    }))
    await expect(startWireGuardGo({ ...options, program: '/nonexistent/wireguard-go' })).rejects.toMatchObject({
      message: expect.stringContaining('ENOENT'),
    })
  })
})
