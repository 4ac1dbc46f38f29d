import { median, medianRatio, round } from '../../statistics.ts'
import type { BenchContext } from '../context.ts'
import { type MemoryUse, memoryUseOf, peakDuring } from '../memory-use.ts'
import type { VariantName } from '../options.ts'
import { measureTraffic, untilAnswered } from '../rig.ts'
import { openBare } from '../variants/bare.ts'
import { openFallback } from '../variants/fallback.ts'
import { openHttpConnect } from '../variants/http-connect.ts'
import { openKonnectivity } from '../variants/konnectivity.ts'
import { openOpenVpn } from '../variants/openvpn.ts'
import { openRaw } from '../variants/raw.ts'
import { openTunnel } from '../variants/tunnel.ts'
import type { OpenVariant, Variant } from '../variants/variant.ts'

const variants: Readonly<Record<VariantName, Variant>> = {
  raw: openRaw,
  bare: openBare,
  fallback: openFallback,
  tunnel: (context) => openTunnel(context),
  openvpn: openOpenVpn,
  konnectivity: openKonnectivity,
  'http-connect': openHttpConnect,
}

/** What was measured of one variant, round by round. */
interface Series {
  readonly up: number[]
  readonly down: number[]
  readonly roundTrips: number[]
  /** Most resident memory of the seed's processes together, and of each, in each round. */
  readonly peaks: number[]
  readonly peaksByProcess: Record<string, number[]>
  idle: Readonly<Record<string, MemoryUse>>
}

/** All variants side by side: stream, round trip, and memory of the seed's end. */
export async function streamsPart(context: BenchContext): Promise<object> {
  const { options, clock, tell } = context
  const open = new Map<VariantName, OpenVariant>()
  for (const name of options.variants) {
    const variant = await variants[name](context)
    await untilAnswered(variant.rig, variant.proxy)
    tell(`streams: ${name} is open`)
    open.set(name, variant)
  }
  await clock.sleep(options.settleSeconds * 1000, context.signal)
  const series = new Map<VariantName, Series>()
  for (const [name, variant] of open) series.set(name, emptySeries(await idleMemory(variant)))
  for (let count = 0; count < options.rounds; count++) {
    for (const [name, variant] of open) {
      context.signal.throwIfAborted()
      const told = await measureRound(context, variant, series.get(name) as Series)
      tell(`streams: round ${count + 1}: ${name} ${told}`)
    }
  }
  return summary(series)
}

function emptySeries(idle: Readonly<Record<string, MemoryUse>>): Series {
  return { up: [], down: [], roundTrips: [], peaks: [], peaksByProcess: {}, idle }
}

async function idleMemory(variant: OpenVariant): Promise<Readonly<Record<string, MemoryUse>>> {
  const processes = Object.entries(await variant.seedProcesses())
  return Object.fromEntries(
    await Promise.all(processes.map(async ([name, id]) => [name, await memoryUseOf(id)] as const)),
  )
}

async function measureRound({ clock, options }: BenchContext, variant: OpenVariant, series: Series): Promise<string> {
  const { rig, proxy } = variant
  const processes = Object.entries(await variant.seedProcesses())
  const { roundTripMs = Number.NaN } = await measureTraffic(
    rig,
    { mode: 'echo', seconds: options.roundTripSeconds },
    proxy,
  )
  const stream = async (mode: 'sink' | 'source') =>
    (await measureTraffic(rig, { mode, seconds: options.streamSeconds }, proxy)).mbitPerSecond ?? Number.NaN
  const { value, peak, peaks } = await peakDuring(
    clock,
    processes.map(([, id]) => id),
    async () => ({ up: await stream('sink'), down: await stream('source') }),
  )
  series.up.push(value.up)
  series.down.push(value.down)
  series.roundTrips.push(roundTripMs)
  series.peaks.push(peak)
  for (const [index, [name]] of processes.entries()) {
    const list = series.peaksByProcess[name] ?? []
    series.peaksByProcess[name] = [...list, peaks[index] ?? 0]
  }
  return `${round(value.up, 0)} up, ${round(value.down, 0)} down Mbit/s, ${round(roundTripMs, 3)} ms, at most ${round(peak, 1)} MiB`
}

function summary(all: ReadonlyMap<VariantName, Series>): object {
  const raw = all.get('raw')
  const results: Partial<Record<VariantName, object>> = {}
  for (const [name, series] of all) {
    const [up, down] = [median(series.up), median(series.down)]
    results[name] = {
      mbitPerSecond: round(up, 0),
      mbitPerSecondDown: round(down, 0),
      roundTripMs: round(median(series.roundTrips), 3),
      ...(raw === undefined || name === 'raw'
        ? {}
        : { addedRoundTripMs: round(median(series.roundTrips) - median(raw.roundTrips), 3) }),
      ...memorySummary(series),
    }
  }
  return { ...results, tunnelTimes: timesOf('tunnel', all), fallbackTimes: timesOf('fallback', all) }
}

function memorySummary({ idle, peaks, peaksByProcess }: Series): object {
  const processes = Object.entries(idle)
  if (processes.length === 0) return {}
  const rounded = (use: MemoryUse) =>
    Object.fromEntries(Object.entries(use).map(([key, value]) => [key, round(value, 1)]))
  const together = (of: keyof MemoryUse) =>
    round(
      processes.reduce((sum, [, use]) => sum + use[of], 0),
      1,
    )
  return {
    pssMiB: { idle: together('pss') },
    rssMiB: {
      idle: together('rss'),
      busy: round(Math.max(...peaks), 1),
      byProcess: Object.fromEntries(
        processes.map(([name, use]) => [
          name,
          { idle: rounded(use), busy: round(Math.max(...(peaksByProcess[name] ?? [])), 1) },
        ]),
      ),
    },
  }
}

/** How a way of ours compares with each of the others, up and down; undefined when it was not measured. */
function timesOf(own: VariantName, all: ReadonlyMap<VariantName, Series>): object | undefined {
  const measured = all.get(own)
  if (measured === undefined) return undefined
  const others = [...all].filter(([name]) => name !== own)
  const ratio = (direction: 'up' | 'down') =>
    Object.fromEntries(
      others.map(([name, series]) => [name, round(medianRatio(measured[direction], series[direction]))]),
    )
  return { up: ratio('up'), down: ratio('down') }
}
