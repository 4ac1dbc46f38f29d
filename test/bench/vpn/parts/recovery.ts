import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Failure } from '@trellis/foundation/failure'
import { eventually } from 'node-wireguard/testing/eventually'
import { testProgram } from 'node-wireguard/testing/landscape'
import { median, round } from '../../statistics.ts'
import type { BenchContext } from '../context.ts'
import { places, type Rig, traffic, untilAnswered } from '../rig.ts'
import { type EndName, type OpenTunnel, openTunnel } from '../variants/tunnel.ts'

/** How one end goes away. */
type Going = 'idle' | 'busy' | 'restart'

const endNames: readonly EndName[] = ['seed', 'shoot']

/**
 * How long nothing comes through when one end of our tunnel dies silently and starts again, when nobody uses the tunnel at that moment and when a stream does, and how long
 * it takes from the start of a program that was asked to end until it connects again. The worse of the two ends counts.
 */
export async function recoveryPart(context: BenchContext): Promise<object> {
  const tunnel = await openTunnel(context, 'recovery')
  await untilAnswered(tunnel.rig)
  const seconds: Record<Going, Record<EndName, number>> = {
    idle: { seed: 0, shoot: 0 },
    busy: { seed: 0, shoot: 0 },
    restart: { seed: 0, shoot: 0 },
  }
  for (const going of ['idle', 'restart', 'busy'] as const) {
    for (const end of endNames) {
      const tries: number[] = []
      for (let count = 0; count < context.options.deaths; count++) tries.push(await outage(context, tunnel, going, end))
      context.tell(`recovery: ${going}, ${end}: ${tries.map((one) => round(one)).join(' ')} s`)
      seconds[going][end] = round(median(tries))
    }
  }
  const worst = ({ seed, shoot }: Record<EndName, number>) => Math.max(seed, shoot)
  return {
    tunnel: {
      recoverySeconds: { idle: worst(seconds.idle), busy: worst(seconds.busy) },
      reconnectSeconds: worst(seconds.restart),
      recoveryByEnd: seconds,
    },
  }
}

async function outage(context: BenchContext, tunnel: OpenTunnel, going: Going, end: EndName): Promise<number> {
  context.signal.throwIfAborted()
  await untilAnswered(tunnel.rig)
  await quiet(context)
  const milliseconds =
    going === 'busy' ? await busyOutage(context, tunnel, end) : await idleOutage(context, tunnel, { going, end })
  return milliseconds / 1000
}

/** Long enough for both ends to have asked each other and for nothing else to be under way. */
async function quiet({ clock, signal }: BenchContext): Promise<void> {
  await clock.sleep(2000, signal)
}

/** Nobody uses the tunnel until the end is away; from then on somebody asks every 20 ms. */
async function idleOutage(
  { clock }: BenchContext,
  { rig, ends }: OpenTunnel,
  { going, end }: { readonly going: Going; readonly end: EndName },
): Promise<number> {
  let begin = clock.now()
  if (going === 'restart') {
    await ends[end].stop()
    begin = clock.now()
  } else await ends[end].kill()
  ends[end].start()
  const asking = rig.seed.start(process.execPath, [traffic('first-answer'), places.pod, String(places.trafficPort)])
  const { at } = JSON.parse(await outputOf(asking)) as { readonly at: number }
  return at - begin
}

/** A stream fills the tunnel and datagrams go beside it: the longest time without an answer to one counts. */
async function busyOutage({ clock }: BenchContext, { rig, ends }: OpenTunnel, end: EndName): Promise<number> {
  const request = { mode: 'sink', seconds: 60, warmUpSeconds: 0, address: places.pod, port: places.trafficPort }
  const stream = rig.seed.start(process.execPath, [traffic('client'), JSON.stringify(request)])
  for (const output of [stream.stdout, stream.stderr]) output?.resume()
  const answers = watchAnswers(rig)
  try {
    await answers.flowing()
    const killedAt = clock.now()
    await ends[end].kill()
    ends[end].start()
    return await answers.longestGapAfter(killedAt)
  } finally {
    await Promise.all([stream, answers.asking].map(endProgram))
  }
}

function watchAnswers(rig: Rig) {
  const asking = rig.seed.start(process.execPath, [testProgram('gaps'), places.pod, String(places.trafficPort)])
  const answers: { readonly at: number; readonly gapMilliseconds: number }[] = []
  let rest = ''
  asking.stdout?.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split('\n')
    rest = lines.pop() ?? ''
    answers.push(...lines.map((line) => JSON.parse(line)))
  })
  asking.stderr?.resume()
  const steadyAnswers = 50
  return {
    asking,
    flowing: () => eventually('answers', () => (answers.length > steadyAnswers ? true : undefined)),
    longestGapAfter: async (instant: number) => {
      // The first answer after the gap may be a straggler of those before it; enough of them are waited for.
      const after = () => answers.filter(({ at }) => at > instant)
      const longest = () => Math.max(...after().map(({ gapMilliseconds }) => gapMilliseconds))
      await eventually(
        'answers after the death',
        () => (after().length > steadyAnswers && longest() > shortestOutage ? true : undefined),
        60_000,
      )
      return longest()
    },
  }
}

/** No program starts faster than that, so a shorter gap is not the one that is looked for. */
const shortestOutage = 100

async function outputOf(child: ChildProcess): Promise<string> {
  let said = ''
  child.stdout?.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  child.stderr?.resume()
  const [code] = await once(child, 'close')
  if (code === 0) return said
  throw new Failure('Unavailable', `the asking program ended with ${code}`)
}

async function endProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
