import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createSilentLog } from '@trellis/foundation/log'
import { createSystemRandom } from '@trellis/foundation/random'
import { parseIpAddress } from 'node-wireguard/address'
import { generatePrivateKey, type PublicKey, publicKeyOf } from 'node-wireguard/key'
import { eventually } from 'node-wireguard/testing/eventually'
import { describe, expect, it } from 'vitest'
import { cookie, data, initiationFor, response } from '../../testing/messages.ts'
import { defaultLimits } from '../configuration.ts'
import { type Target, type TunnelDestination, targetText } from '../destinations/destinations.ts'
import type { KernelFlows } from '../kernel/kernel-flows.ts'
import type { Listener } from './listener.ts'
import { type Source, sourceKeyOf } from './source.ts'
import { createSwitchboard } from './switchboard.ts'

const here = parseIpAddress('127.0.0.1')
const source = (port: number): Source => ({ address: parseIpAddress('192.0.2.1'), port })

/** A destination that answers each initiation with a session of its own index. */
async function startDestination(stack: AsyncDisposableStack, name: string, index: number) {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  stack.defer(() => void socket.close())
  const heard: Buffer[] = []
  socket.on('message', (bytes, { port, address }) => {
    heard.push(bytes)
    if (bytes[0] === 1) socket.send(response(index, bytes.readUInt32LE(4)), port, address)
  })
  const publicKey = publicKeyOf(generatePrivateKey(createSystemRandom()))
  const target = { address: here, port: socket.address().port }
  return { socket, heard, publicKey, index, tunnel: tunnelOf(name, publicKey, target) }
}

const tunnelOf = (name: string, publicKey: PublicKey, target: Target): TunnelDestination => ({
  name,
  publicKeys: [publicKey],
  target,
})

/** A kernel that takes what it is told at once. */
function createTakingKernel(found: KernelFlows['found'] = []) {
  const flows = new Map(found.map(({ source: from, target }) => [sourceKeyOf(from) as string, targetText(target)]))
  const kernel: KernelFlows = {
    found,
    canCarry: () => true,
    set: (from, target) => void flows.set(sourceKeyOf(from), targetText(target)),
    remove: (from) => void flows.delete(sourceKeyOf(from)),
    holds: (key) => flows.has(key),
    size: () => flows.size,
    read: async () => ({ flows: new Map(), flooding: 0 }),
    problem: () => undefined,
    [Symbol.asyncDispose]: async () => {},
  }
  return { kernel, flows }
}

/** A switchboard whose time a test sets, and what it has sent to sources. */
function open(stack: AsyncDisposableStack, kernel?: KernelFlows) {
  const time = { now: 0 }
  const sent: { readonly bytes: Buffer; readonly to: Source }[] = []
  const listener: Listener = {
    port: 51_820,
    send: (bytes, to) => void sent.push({ bytes, to }),
    [Symbol.asyncDispose]: async () => {},
  }
  const board = createSwitchboard({
    log: createSilentLog(),
    now: () => time.now,
    limits: defaultLimits,
    ...(kernel === undefined ? {} : { kernel }),
  })
  stack.defer(board.closeAll)
  const receive = (bytes: Buffer, from: Source) => board.receive(bytes, from, { listener, now: time.now })
  const answers = (count: number) => eventually(`${count} answers`, () => (sent.length >= count ? true : undefined))
  return { board, time, sent, receive, answers }
}

describe('the switchboard', () => {
  it('brings handshakes to whom they are for and answers to whom they are from', async () => {
    await using stack = new AsyncDisposableStack()
    const [a, b] = [await startDestination(stack, 'a', 70), await startDestination(stack, 'b', 80)]
    const { board, receive, sent, answers } = open(stack)
    board.setDestinations([a.tunnel, b.tunnel], 0)
    receive(initiationFor(a.publicKey, 7), source(1))
    receive(initiationFor(b.publicKey, 8), source(2))
    await answers(2)
    expect(sent.find(({ to }) => to.port === 1)?.bytes).toEqual(response(70, 7))
    expect(sent.find(({ to }) => to.port === 2)?.bytes).toEqual(response(80, 8))
    receive(data(70), source(3))
    await eventually('the data', () => a.heard.find((bytes) => bytes.equals(data(70))))
    expect(board.counts).toMatchObject({ handshakes: { forwarded: 2, answered: 2 } })
    expect(board.flows()).toEqual({ kernel: 0, userspace: 3 })
  })

  it('hands a source over to the kernel with its first answer and not before', async () => {
    await using stack = new AsyncDisposableStack()
    const a = await startDestination(stack, 'a', 70)
    const { kernel, flows } = createTakingKernel()
    const { board, receive, answers, time } = open(stack, kernel)
    board.setDestinations([a.tunnel], 0)
    receive(initiationFor(a.publicKey), source(1))
    expect(flows.size).toBe(0)
    await answers(1)
    expect([...flows]).toEqual([[sourceKeyOf(source(1)), targetText(a.tunnel.target)]])
    // Its socket rests and goes; what the kernel has seen keeps the flow, and silence ends it.
    time.now = 40_000
    board.sweep(time.now)
    expect(board.flows()).toEqual({ kernel: 1, userspace: 0 })
    const look = new Map([[sourceKeyOf(source(1)), { source: source(1), zone: 1, packets: 5, bytes: 500 }]])
    time.now = 170_000
    board.noteTraffic({ flows: look, flooding: 3 }, time.now)
    board.sweep(300_000)
    expect(flows.size).toBe(1)
    board.noteTraffic({ flows: look, flooding: 3 }, 310_000)
    board.sweep(360_000)
    expect(flows.size).toBe(0)
    expect(board.counts).toMatchObject({ kernel: { packets: 5, bytes: 500 }, kernelFlooding: 3 })
  })

  it('hands nobody over who is only asked for a cookie', async () => {
    await using stack = new AsyncDisposableStack()
    const a = await startDestination(stack, 'a', 70)
    a.socket.removeAllListeners('message')
    a.socket.on('message', (_, { port, address }) => a.socket.send(cookie(1), port, address))
    const { kernel, flows } = createTakingKernel()
    const { board, receive, answers } = open(stack, kernel)
    board.setDestinations([a.tunnel], 0)
    receive(initiationFor(a.publicKey), source(1))
    await answers(1)
    expect(flows.size).toBe(0)
    board.sweep(10_001)
    expect(board.flows().userspace).toBe(0)
  })

  it('moves a source of the kernel to the destination that has answered it last', async () => {
    await using stack = new AsyncDisposableStack()
    const [a, b] = [await startDestination(stack, 'a', 70), await startDestination(stack, 'b', 80)]
    const { kernel, flows } = createTakingKernel()
    const { board, receive, answers } = open(stack, kernel)
    board.setDestinations([a.tunnel, b.tunnel], 0)
    receive(initiationFor(a.publicKey), source(1))
    await answers(1)
    receive(initiationFor(b.publicKey), source(1))
    await answers(2)
    expect([...flows.values()]).toEqual([targetText(b.tunnel.target)])
    expect(board.flows().userspace).toBe(1)
  })

  it('follows a destination to another address and lets go of one that is gone', async () => {
    await using stack = new AsyncDisposableStack()
    const [a, b] = [await startDestination(stack, 'a', 70), await startDestination(stack, 'b', 80)]
    const { kernel, flows } = createTakingKernel()
    const { board, receive, answers } = open(stack, kernel)
    board.setDestinations([a.tunnel, b.tunnel], 0)
    receive(initiationFor(a.publicKey), source(1))
    receive(initiationFor(b.publicKey), source(2))
    await answers(2)
    const moved = await startDestination(stack, 'a', 71)
    board.setDestinations([{ ...a.tunnel, target: moved.tunnel.target }], 0)
    expect([...flows]).toEqual([[sourceKeyOf(source(1)), targetText(moved.tunnel.target)]])
    receive(initiationFor(a.publicKey, 9), source(1))
    await eventually('the handshake', () => moved.heard.find((bytes) => bytes[0] === 1))
    expect(board.flows().userspace).toBe(1)
  })

  it('takes over what the kernel has of a former run, and ends what leads nowhere', async () => {
    await using stack = new AsyncDisposableStack()
    const a = await startDestination(stack, 'a', 70)
    const elsewhere = { address: here, port: 9 }
    const { kernel, flows } = createTakingKernel([
      { source: source(1), target: a.tunnel.target },
      { source: source(2), target: elsewhere },
    ])
    const { board, receive, sent, answers } = open(stack, kernel)
    board.setDestinations([a.tunnel], 0)
    expect([...flows.keys()]).toEqual([sourceKeyOf(source(1))])
    board.sweep(170_000)
    expect(flows.size).toBe(1)
    receive(initiationFor(a.publicKey, 7), source(1))
    await answers(1)
    expect(sent[0]?.to).toEqual(source(1))
    expect(board.counts.handshakes.answered).toBe(0)
  })

  it('passes on nothing that others than the destination send to the socket of a source', async () => {
    await using stack = new AsyncDisposableStack()
    const a = await startDestination(stack, 'a', 70)
    const { board, receive, sent, answers } = open(stack)
    board.setDestinations([a.tunnel], 0)
    const asked = once(a.socket, 'message')
    receive(initiationFor(a.publicKey), source(1))
    const [, from] = (await asked) as [Buffer, { readonly port: number }]
    const stranger: Socket = createSocket('udp4')
    stack.defer(() => void stranger.close())
    stranger.send(data(1), from.port, '127.0.0.1')
    a.socket.send(Buffer.from('none of WireGuard'), from.port, '127.0.0.1')
    a.socket.send(data(2), from.port, '127.0.0.1')
    await answers(2)
    expect(sent.map(({ bytes }) => bytes)).toEqual([response(70, 1), data(2)])
    expect(board.counts.dropped['destination-malformed']).toBe(1)
  })
})
