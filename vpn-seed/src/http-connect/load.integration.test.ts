import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { createSystemClock } from '@trellis/foundation/clock'
import { createGate } from '@trellis/foundation/gate'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { type RunningProgram, startProgram } from '@trellis/kubernetes/testing/program'
import { eventually } from 'node-wireguard/testing/eventually'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, ended } from '../../testing/caller.ts'
import { prepareEndpoint } from '../../testing/endpoint-program.ts'
import { createIdentities, type Identities, writeIdentity } from '../../testing/identities.ts'

const clock = createSystemClock()
const stack = new AsyncDisposableStack()
const block = Buffer.alloc(65_536, 'x')
let directory: string
let identities: Identities
let port: number
let health: string
let program: RunningProgram
let echo: string
let flood: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'http-connect-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  port = await freePort()
  const healthPort = await freePort()
  health = `http://127.0.0.1:${healthPort}`
  const prepared = await prepareEndpoint({ directory, port, healthPort, networks: { pods: ['127.0.0.0/8'] } })
  identities = prepared.identities
  program = stack.use(startProgram(clock, process.execPath, prepared.args))
  echo = await serve((socket) => socket.pipe(socket))
  flood = await serve(pour)
  await eventually('the endpoint', async () => ((await fetch(`${health}/readyz`)).ok ? true : undefined))
})
afterAll(() => stack[Symbol.asyncDispose]())

async function serve(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    onConnection(socket)
  })
  server.listen({ host: '127.0.0.2', port: 0, backlog: 4096 })
  await once(server, 'listening')
  stack.defer(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `127.0.0.2:${(server.address() as { port: number }).port}`
}

/** Sends for ever, as fast as it is taken. */
function pour(socket: Socket): void {
  const send = () => {
    let more = true
    while (more && !socket.destroyed) more = socket.write(block)
  }
  socket.on('drain', send)
  send()
}

async function residentMebibytes(): Promise<number> {
  const status = await readFile(`/proc/${program.processId}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

async function openNow(): Promise<number> {
  return ((await (await fetch(`${health}/status`)).json()) as { open: number }).open
}

/** Takes so many bytes of a stream and says how long that took. */
async function take(socket: TLSSocket, bytes: number): Promise<number> {
  const began = performance.now()
  let taken = 0
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      taken += chunk.length
      if (taken >= bytes) resolve()
    })
    socket.resume()
  })
  return (performance.now() - began) / 1000
}

describe('the endpoint as a process', () => {
  it('holds up no stream for one that nobody reads, nor grows by it', async () => {
    const stalled = await call(port, identities, flood)
    const before = await residentMebibytes()
    const running = await call(port, identities, flood)
    // The first time that so much comes, the heap finds its size.
    await take(running.socket, 200_000_000)
    const warm = await residentMebibytes()
    const seconds = await take(running.socket, 1_000_000_000)
    const after = await residentMebibytes()
    process.stderr.write(
      `one stream beside a stalled one: ${Math.round(1000 / seconds)} MB/s; resident ${[before, warm, after].map(Math.round).join(', ')} MiB\n`,
    )
    expect(after).toBeLessThan(before + 96)
    stalled.socket.destroy()
    running.socket.destroy()
    await eventually('the end', async () => ((await openNow()) === 0 ? true : undefined))
  })

  it('keeps little of what hundreds do not read, and lets the next through', async () => {
    const gate = createGate(50)
    const before = await residentMebibytes()
    const stalled = await Promise.all(Array.from({ length: 500 }, () => gate(() => call(port, identities, flood))))
    let last = -1
    await eventually('the standstill', async () => {
      const text = await (await fetch(`${health}/metrics`)).text()
      const [, carried] = /bytes_total\{direction="from_shoot"\} (\S+)/.exec(text) ?? []
      const stands = Number(carried) === last
      last = Number(carried)
      return stands ? true : undefined
    })
    const each = (((await residentMebibytes()) - before) * 1024) / stalled.length
    process.stderr.write(`500 streams that nobody reads: ${Math.round(each)} KiB of memory each\n`)
    expect(each).toBeLessThan(1024)
    const { socket } = await call(port, identities, flood)
    await take(socket, 100_000_000)
    for (const one of [socket, ...stalled.map((answer) => answer.socket)]) one.destroy()
    await eventually('the end of all', async () => ((await openNow()) === 0 ? true : undefined))
  })

  it('carries 3,000 streams at once', async () => {
    const gate = createGate(50)
    const before = await residentMebibytes()
    const answers = await Promise.all(Array.from({ length: 3000 }, () => gate(() => call(port, identities, echo))))
    expect(await openNow()).toBe(3000)
    const said = await Promise.all(
      answers.map(async ({ socket }, index) => {
        const answered = once(socket, 'data')
        socket.resume()
        socket.write(`I am ${index}`)
        return String((await answered)[0])
      }),
    )
    expect(said).toEqual(answers.map((_, index) => `I am ${index}`))
    const each = ((await residentMebibytes()) - before) / 3
    process.stderr.write(`3,000 streams: ${Math.round(each)} KiB of memory each\n`)
    expect(each).toBeLessThan(200)
    for (const { socket } of answers) socket.end()
    await Promise.all(answers.map(({ socket }) => ended(socket)))
    await eventually('the end of all', async () => ((await openNow()) === 0 ? true : undefined))
  })

  it('takes certificates that have changed, and no pair that does not fit', async () => {
    const others = await createIdentities()
    await writeIdentity(directory, {
      ...others,
      endpoint: { ...others.endpoint, privateKey: identities.endpoint.privateKey },
    })
    const reloads = async (result: string) => {
      const text = await (await fetch(`${health}/metrics`)).text()
      return text.includes(`trellis_vpn_connect_certificate_reloads_total{result="${result}"} 1`) ? true : undefined
    }
    await eventually('the refusal', () => reloads('refused'))
    const old = await call(port, identities, echo)
    expect(old.statusLine).toContain('200')
    await writeIdentity(directory, others)
    await eventually('the change', () => reloads('taken'))
    await expect(call(port, identities, echo)).rejects.toThrow()
    identities = others
    const next = await call(port, identities, echo)
    expect(next.statusLine).toContain('200')
    for (const { socket } of [old, next]) socket.destroy()
  })

  it('lets streams end when it is asked to stop, and then ends', async () => {
    const { socket } = await call(port, identities, echo)
    const stopped = program[Symbol.asyncDispose]()
    await eventually('the refusal of more', async () => ((await fetch(`${health}/readyz`)).ok ? undefined : true))
    const answered = once(socket, 'data')
    socket.resume()
    socket.write('still here')
    expect(String((await answered)[0])).toBe('still here')
    socket.end()
    await stopped
    expect(program.lastWords()).toContain('the endpoint has stopped')
  })
})
