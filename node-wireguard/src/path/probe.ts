import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Clock, Timer } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import { childSignal } from '@trellis/foundation/lifetime'
import type { Random } from '@trellis/foundation/random'
import { familyOf, type IpAddress } from '../address.ts'
import { askerOf, decodeProbe, type EndState, encodeProbe, homeOf, type ProbeMessage, probeBytes } from './message.ts'
import { createSigns } from './signs.ts'
import { type SizeProber, startSizeProber } from './size-prober.ts'
import type { SizeLimits } from './size-search.ts'
import { type PathEvent, type PathState, pathAfter, pauseAfterQuestion, unknownPath } from './state.ts'

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
  /** How many packets have come in by the link since it began, as far as that is known: they show that it lives while answers wait in a queue. */
  readonly received?: (() => number | undefined) | undefined
  /** What this end tells the other with each question and answer. */
  readonly own: () => EndState
  /** What stands for the network namespace that this end lives in: eight hexadecimal digits. */
  readonly home: string
  /** Called whenever the other end has said of itself what it had not said before. */
  readonly onOther?: (other: OtherEnd) => void
  /** Called after each question and each answer. */
  readonly onChange?: (state: PathState, event: PathEvent) => void
  /** Also looks for the largest packet that passes in the direction of the other end. Left out: does not. */
  readonly sizes?: PathSizeOptions | undefined
  /** Time with fractions of a millisecond, for round trips; the machine's own unless told. */
  readonly preciseNow?: () => number
}

/**
 * Between which sizes to look, and who is told. The interface, and the route to the peer's address, must take packets of `limits.ceiling` bytes: larger ones would be cut up and pass in pieces.
 * So what is found belongs into the other routes through the link (`ip route … mtu`), not on the interface.
 */
export interface PathSizeOptions {
  readonly limits: SizeLimits
  /** Called with each size that packets may have from now on; until the first call it is `limits.start`. */
  readonly onSize: (size: number) => void
}

/** What is known of the other end. */
export interface OtherEnd extends EndState {
  /** What stands for the network namespace that it lives in; undefined until it has asked something itself. */
  readonly home: string | undefined
}

/** A running probe that also answers the other end's. */
export interface PathProbe extends AsyncDisposable {
  state(): PathState
  /** What the other end last said of itself; undefined before it was heard. */
  other(): OtherEnd | undefined
  /** Asks at once, which tells the other end how this one is now. */
  ask(): void
  /** The largest packet to send; undefined when sizes are not looked for. */
  size(): number | undefined
  /** Looks again at once: the link has changed its endpoint or transport, and with it what its packets may be. */
  resize(limits: SizeLimits): void
}

/** Bytes of the headers of IP and UDP. */
const headerBytes = { 4: 20 + 8, 6: 40 + 8 } as const
/** Answers to questions further back are not waited for. */
const openQuestions = 60

/** Starts asking the other end once per interval, more often while an answer is overdue, and answering its questions. Throws `Unavailable` when the address cannot be used. */
export async function startPathProbe(options: PathProbeOptions): Promise<PathProbe> {
  const { clock, localAddress, peerAddress, port, intervalMilliseconds } = options
  const preciseNow = options.preciseNow ?? (() => performance.now())
  const asker = askerOf(options.home, options.random)
  const askedAt = new Map<number, number>()
  const life = childSignal(new AbortController().signal)
  let state = unknownPath
  let timer: Timer | undefined
  let sequence = 0
  let other: OtherEnd | undefined
  const signs = createSigns({ clock, intervalMilliseconds, received: options.received })

  const socket = await openSocket(localAddress, port)
  socket.on('message', (bytes, from) => {
    const message = decodeProbe(bytes)
    if (message === undefined) return
    signs.hear(message)
    hear({ ...message.sender, home: message.kind === 'answer' ? other?.home : homeOf(message.asker) })
    if (message.kind !== 'answer') send({ ...message, kind: 'answer' }, from)
    else if (message.asker === asker) answered(message.sequence)
  })

  function happen(event: PathEvent): void {
    const wasUp = state.up
    state = pathAfter(state, event, intervalMilliseconds)
    options.onChange?.(state, event)
    // Whoever answers again may be reached another way than before.
    if (!wasUp && state.up) sizes?.changed()
  }

  function hear(now: OtherEnd): void {
    const isNew = now.carries !== other?.carries || now.leaving !== other.leaving || now.home !== other.home
    other = now
    if (isNew) options.onOther?.(now)
  }

  function answered(number: number): void {
    if (sizes?.answered(number) === true) return
    const at = askedAt.get(number)
    if (at === undefined) return
    askedAt.delete(number)
    const asked = state.silence?.since
    happen({ kind: 'answered', sequence: number, now: clock.now(), roundTripMilliseconds: preciseNow() - at })
    if (asked !== undefined) askLater(asked + intervalMilliseconds - clock.now())
  }

  function nextSequence(): number {
    sequence = (sequence + 1) >>> 0
    return sequence
  }

  function ask(): void {
    const number = nextSequence()
    askedAt.set(number, preciseNow())
    const [oldest] = askedAt.keys()
    if (oldest !== undefined && askedAt.size > openQuestions) askedAt.delete(oldest)
    const signsOfLife = state.silence !== undefined && signs.ofLife(state.silence.questions === 1)
    happen({ kind: 'asked', sequence: number, now: clock.now(), signsOfLife })
    send({ kind: 'question', asker, sequence: number })
  }

  function askLater(milliseconds: number): void {
    timer?.cancel()
    if (life.signal.aborted) return
    timer = clock.setTimer(Math.max(0, milliseconds), () => {
      ask()
      askLater(pauseAfterQuestion(state, intervalMilliseconds))
    })
  }

  function askFilled(size: number | undefined): number {
    const number = nextSequence()
    const length = size === undefined ? probeBytes : size - headerBytes[familyOf(peerAddress)]
    send({ kind: 'filled-question', asker, sequence: number }, { port, address: peerAddress }, length)
    return number
  }

  function send(
    message: Omit<ProbeMessage, 'sender' | 'deaf'>,
    to: Recipient = { port, address: peerAddress },
    length?: number,
  ) {
    const bytes = encodeProbe({ ...message, sender: options.own(), deaf: signs.deaf() }, length)
    if (!life.signal.aborted) socket.send(bytes, to.port, to.address, () => {})
  }

  const sizes: SizeProber | undefined =
    options.sizes && startSizeProber({ clock, ...options.sizes, ask: askFilled, signal: life.signal })
  ask()
  askLater(pauseAfterQuestion(state, intervalMilliseconds))
  return {
    state: () => state,
    other: () => other,
    ask,
    size: () => sizes?.size(),
    resize: (limits) => sizes?.changed(limits),
    [Symbol.asyncDispose]: async () => {
      life.abort()
      timer?.cancel()
      await sizes?.ended
      await new Promise<void>((resolve) => socket.close(resolve))
    },
  }
}

interface Recipient {
  readonly port: number
  readonly address: string
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
