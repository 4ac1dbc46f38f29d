import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Random } from '@trellis/foundation/random'
import { familyOf, type IpAddress } from '../address.ts'
import { decodeProbe, type EndState, encodeProbe, type ProbeMessage } from './message.ts'
import { type PathEvent, type PathState, pathAfter, unknownPath } from './state.ts'

/** What probing a path takes. */
export interface PathProbeOptions {
  readonly clock: Clock
  readonly random: Random
  /** Address of this end inside the tunnel; probes go out from and are answered on it only. */
  readonly localAddress: IpAddress
  readonly peerAddress: IpAddress
  /** UDP port, the same on both ends. */
  readonly port: number
  readonly intervalMilliseconds: number
  /** What this end tells the other with each question and answer. */
  readonly own: () => EndState
  /** Called whenever the other end has said of itself what it had not said before. */
  readonly onOther?: (other: EndState) => void
  /** Called after each question and each answer. */
  readonly onChange?: (state: PathState, event: PathEvent) => void
  /** Time with fractions of a millisecond, for round trips; the machine's own unless told. */
  readonly preciseNow?: () => number
}

/** A running probe that also answers the other end's. */
export interface PathProbe extends AsyncDisposable {
  state(): PathState
  /** What the other end last said of itself; undefined before it was heard. */
  other(): EndState | undefined
  /** Asks at once, which tells the other end how this one is now. */
  ask(): void
}

/** Starts asking the other end once per interval and answering its questions. Throws `Unavailable` when the address cannot be used. */
export async function startPathProbe(options: PathProbeOptions): Promise<PathProbe> {
  const { clock, localAddress, peerAddress, port, intervalMilliseconds } = options
  const preciseNow = options.preciseNow ?? (() => performance.now())
  const asker = options.random.bytes(8).toString('hex')
  const askedAt = new Map<number, number>()
  const life = childSignal(new AbortController().signal)
  let state = unknownPath
  let sequence = 0
  let other: EndState | undefined

  const socket = await openSocket(localAddress, port)
  socket.on('message', (bytes, from) => {
    const message = decodeProbe(bytes)
    if (message !== undefined) hear(message.sender)
    if (message?.kind === 'question') send({ ...message, kind: 'answer' }, from.port, from.address)
    else if (message?.kind === 'answer' && message.asker === asker) answered(message.sequence)
  })

  function happen(event: PathEvent): void {
    state = pathAfter(state, event)
    options.onChange?.(state, event)
  }

  function hear(now: EndState): void {
    const isNew = now.carries !== other?.carries || now.leaving !== other.leaving
    other = now
    if (isNew) options.onOther?.(now)
  }

  function answered(number: number): void {
    const at = askedAt.get(number)
    if (at === undefined) return
    askedAt.delete(number)
    happen({ kind: 'answered', sequence: number, now: clock.now(), roundTripMilliseconds: preciseNow() - at })
  }

  function ask(): void {
    sequence = (sequence + 1) >>> 0
    askedAt.set(sequence, preciseNow())
    askedAt.delete(sequence - 30)
    happen({ kind: 'asked', sequence })
    send({ kind: 'question', asker, sequence }, port, peerAddress)
  }

  function send(message: Omit<ProbeMessage, 'sender'>, toPort: number, toAddress: string): void {
    const bytes = encodeProbe({ ...message, sender: options.own() })
    if (!life.signal.aborted) socket.send(bytes, toPort, toAddress, () => {})
  }

  const asking = repeat(clock, intervalMilliseconds, life.signal, ask)
  return {
    state: () => state,
    other: () => other,
    ask,
    [Symbol.asyncDispose]: async () => {
      life.abort()
      await asking
      await new Promise<void>((resolve) => socket.close(resolve))
    },
  }
}

async function openSocket(localAddress: IpAddress, port: number): Promise<Socket> {
  const socket = createSocket(familyOf(localAddress) === 6 ? 'udp6' : 'udp4')
  socket.bind(port, localAddress)
  try {
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw new Failure('Unavailable', `probes cannot be sent from ${localAddress} port ${port}`, { cause: error })
  }
  // What cannot be sent now is a missed probe, and there will be another.
  return socket.on('error', () => {})
}

async function repeat(clock: Clock, milliseconds: number, signal: AbortSignal, work: () => void): Promise<void> {
  while (!signal.aborted) {
    work()
    await clock.sleep(milliseconds, signal).catch(() => {})
  }
}
