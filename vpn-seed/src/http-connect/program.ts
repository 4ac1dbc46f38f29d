import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { configurationPath, readJsonFile } from '@trellis/foundation/configuration-file'
import { describe, Failure } from '@trellis/foundation/failure'
import { startHealthServer } from '@trellis/foundation/health-server'
import { aborted } from '@trellis/foundation/lifetime'
import { createLog, type Log } from '@trellis/foundation/log'
import { type Cidr, parseCidr } from 'node-wireguard/address'
import type { Resolve } from 'node-wireguard/endpoint'
import { type HttpConnectConfiguration, httpConnectParser } from './configuration.ts'
import { type HttpConnect, startHttpConnect } from './endpoint.ts'
import { type Identity, readIdentity, sameIdentity } from './identity.ts'

/** How often the files of the identity are looked at. */
const identityMilliseconds = 5_000

/** Runs the endpoint from its command line (`http-connect --config FILE`) until the signal aborts. Throws when it cannot be set up. */
export async function runHttpConnectProgram(args: readonly string[], signal: AbortSignal): Promise<void> {
  const file = httpConnectParser.parse(await readJsonFile(configurationPath(args, 'http-connect')))
  const clock = createSystemClock()
  const log = createLog('http-connect', file.logLevel ?? 'info')
  const identity = await readIdentity(file)
  const endpoint = await startHttpConnect({
    clock,
    log,
    resolve: resolveName,
    host: file.host ?? everyAddress(),
    port: file.port,
    identity,
    networks: networksOf(file),
    connectMilliseconds: (file.connectSeconds ?? 10) * 1000,
    introductionMilliseconds: 10_000,
    idleMilliseconds: file.idleSeconds === undefined ? undefined : file.idleSeconds * 1000,
    drainMilliseconds: (file.drainSeconds ?? 10) * 1000,
    maximumStreams: file.maximumStreams ?? 20_000,
  })
  await using _health = await startHealthServer({
    host: file.healthHost ?? everyAddress(),
    port: file.healthPort,
    ready: () => (endpoint.draining() ? 'the endpoint is stopping' : undefined),
    metrics: endpoint.registry,
    status: () => ({ open: endpoint.openStreams(), port: endpoint.port, draining: endpoint.draining() }),
  })
  log.info({ port: endpoint.port }, 'the endpoint listens')
  const following = followIdentity({ clock, log, endpoint, file, identity, signal })
  await aborted(signal)
  log.info({ streams: endpoint.openStreams() }, 'the endpoint is stopping')
  // First, while the health server still says why nothing new is taken.
  await endpoint[Symbol.asyncDispose]()
  await following
  log.info({}, 'the endpoint has stopped')
}

/** The networks of a configuration. Throws `Invalid` that names the field; no network at all is refused, since then nothing could be reached. */
export function networksOf({ networks }: HttpConnectConfiguration): readonly Cidr[] {
  const all = Object.entries(networks).flatMap(([kind, list]) =>
    list.map((text, index) => parseCidr(text, `networks.${kind}[${index}]`)),
  )
  if (all.length > 0) return all
  throw new Failure('Invalid', 'no network can be reached', {
    field: 'networks',
    remedy: 'name the networks of the nodes, pods and services of the shoot',
  })
}

/** All addresses of this host, of both families where it has IPv6: where that is switched off, listening on it fails. */
function everyAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0'
}

const resolveName: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)

interface Following {
  readonly clock: Clock
  readonly log: Log
  readonly endpoint: HttpConnect
  readonly file: HttpConnectConfiguration
  readonly identity: Identity
  readonly signal: AbortSignal
}

/** Takes certificates that have changed. What cannot be used leaves the former in place, and is tried again: files of a Secret change one by one. */
async function followIdentity({ clock, log, endpoint, file, identity, signal }: Following): Promise<void> {
  let current = identity
  let problem: string | undefined
  for (;;) {
    await clock.sleep(identityMilliseconds, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      const next = await readIdentity(file)
      problem = undefined
      if (sameIdentity(current, next)) continue
      endpoint.use(next)
      current = next
      log.info({ expiry: new Date(next.expiry).toISOString() }, 'the certificates have changed')
    } catch (error) {
      const said = describe(error)
      if (said === problem) continue
      problem = said
      endpoint.refusedIdentity()
      log.warn({ problem }, 'the certificates cannot be used; the former stay')
    }
  }
}
