import { Session } from 'node:inspector/promises'
import type { Clock } from '@trellis/foundation/clock'
import { Failure } from '@trellis/foundation/failure'
import type { Page } from '@trellis/foundation/health-server'

const index = `/debug/pprof/profile?seconds=30   CPU profile (.cpuprofile)
/debug/pprof/heap?seconds=30      allocations that are still alive (.heapprofile)
Open either in the developer tools of a browser.
`

/**
 * Pages with profiles of this process, in the formats of its runtime: one profile at a time, none longer than five minutes,
 * ended early when the process is asked to stop.
 */
export function profilePages(clock: Clock, signal: AbortSignal): Readonly<Record<string, Page>> {
  let busy = false
  const alone = async (
    query: URLSearchParams,
    work: (session: Session, wait: () => Promise<void>) => Promise<object>,
  ) => {
    const seconds = readSeconds(query)
    if (busy) throw new Failure('Conflict', 'another profile is being taken')
    busy = true
    const session = new Session()
    session.connect()
    try {
      const wait = () => clock.sleep(seconds * 1000, signal).catch(() => {})
      return { type: 'application/json', body: JSON.stringify(await work(session, wait)) }
    } finally {
      session.disconnect()
      busy = false
    }
  }
  return {
    '/debug/pprof/': () => ({ type: 'text/plain', body: index }),
    '/debug/pprof/profile': (query) => alone(query, cpuProfile),
    '/debug/pprof/heap': (query) => alone(query, heapProfile),
  }
}

async function cpuProfile(session: Session, wait: () => Promise<void>): Promise<object> {
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  await wait()
  return (await session.post('Profiler.stop')).profile
}

async function heapProfile(session: Session, wait: () => Promise<void>): Promise<object> {
  await session.post('HeapProfiler.enable')
  await session.post('HeapProfiler.startSampling', {})
  await wait()
  return (await session.post('HeapProfiler.stopSampling')).profile
}

function readSeconds(query: URLSearchParams): number {
  const text = query.get('seconds') ?? '30'
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 300) return seconds
  throw new Failure('Invalid', `${text} is not a number of seconds up to 300`, { field: 'seconds' })
}
