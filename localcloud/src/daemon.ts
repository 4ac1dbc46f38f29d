import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer as createPlainServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createServer as createSocketServer, type ListenOptions, type Server as SocketServer } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '@trellis/foundation/clock'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { describe, Failure, InvariantError } from '@trellis/foundation/failure'
import type { Log } from '@trellis/foundation/log'
import type { Random } from '@trellis/foundation/random'
import { createApiListener } from './api-server.ts'
import { type Cloud, createCloud } from './cloud.ts'
import { coreAddress } from './cloud-network.ts'
import { type Configuration, flagsOf } from './configuration.ts'
import { boundLog } from './console-keeper.ts'
import { createContainerRuntime } from './container-runtime.ts'
import { type Credentials, readCredentials, requireToken } from './credentials.ts'
import { writeFileAtomically } from './files.ts'
import { defaultLimits, observeHost, warningsOf } from './host-facts.ts'
import { createHostNetwork } from './host-network.ts'
import { createMachineHost } from './machine-host.ts'
import { createMetadataForwarder } from './metadata-forwarder.ts'
import { createMetadataListener } from './metadata-server.ts'
import { namesOf, type Places, placesOf } from './names.ts'
import { openStore, type Store } from './store.ts'

/** What the daemon reaches the world through. */
export interface DaemonPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly runner: CommandRunner
}

const lockPauseMilliseconds = 200
const inspectionPauseMilliseconds = 3_000
const daemonLogLimitBytes = 8 * 1024 * 1024

/** Serves the cloud until the signal aborts. Must run inside the cloud's own network namespace. Machines run on when it ends, in whatever way. */
export async function runDaemon(ports: DaemonPorts, configuration: Configuration, signal: AbortSignal): Promise<void> {
  const { clock, log } = ports
  const places = placesOf(configuration.stateDirectory, configuration.runDirectory)
  await mkdir(places.runDirectory, { recursive: true, mode: 0o755 })
  await mkdir(places.stateDirectory, { recursive: true, mode: 0o700 })
  const alone = await becomeOnlyDaemon(clock, namesOf(configuration.instance).lockSocket, signal)
  const store = await openStore(places.records)
  const cloud = await assemble(ports, configuration, places, store)
  await cloud.prepare()
  const servers = await openDoors(ports, configuration, places, store, cloud)
  await writeFileAtomically(places.daemonPidFile, `${process.pid}\n`)
  log.info({ instance: configuration.instance, socket: places.socketPath }, 'the cloud is open')
  await cloud.resume()
  await inspectForever(ports, cloud, places, signal)
  for (const server of servers) server.closeAllConnections()
  for (const server of [...servers, alone]) server.close()
  log.info({}, 'the cloud is closed; machines run on')
}

/** Holds a name that the kernel gives to one process at a time and takes back when that process ends; waits until it is free. */
async function becomeOnlyDaemon(clock: Clock, lockSocket: string, signal: AbortSignal): Promise<SocketServer> {
  for (;;) {
    const server = createSocketServer()
    try {
      await listen(server, { path: lockSocket })
      return server
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      await clock.sleep(lockPauseMilliseconds, signal)
    }
  }
}

async function assemble(
  ports: DaemonPorts,
  configuration: Configuration,
  places: Places,
  store: Store,
): Promise<Cloud> {
  const facts = await observeHost()
  const limits = { ...defaultLimits(facts), ...configuration.limits }
  for (const warning of warningsOf(facts, limits)) ports.log.warn({ warning }, 'this host is tight')
  const machines = createMachineHost({
    clock: ports.clock,
    runner: ports.runner,
    runtime: createContainerRuntime(ports.runner, places.runcRoot),
    facts,
    instance: configuration.instance,
    machines: places.machines,
    nameServer: coreAddress(configuration.publicRange),
  })
  return createCloud({
    ...ports,
    store,
    hostNetwork: createHostNetwork(ports.runner),
    machines,
    configuration,
    places,
    limits,
  })
}

/** Opens the Unix socket, the HTTPS endpoint and the metadata service. */
async function openDoors(
  ports: DaemonPorts,
  configuration: Configuration,
  places: Places,
  store: Store,
  { services }: Cloud,
): Promise<readonly Server[]> {
  const { log } = ports
  const host = coreAddress(configuration.publicRange)
  const credentials = await obtainCredentials(ports, configuration, places, host)
  const metadata = createPlainServer(createMetadataListener({ store, forward: createMetadataForwarder(log) }))
  const authorize = requireToken(credentials.token)
  const secure = createSecureServer(
    { cert: credentials.server.certificate, key: credentials.server.privateKey },
    createApiListener({ log, services, authorize }),
  )
  const local = createPlainServer(createApiListener({ log, services }))
  await listen(metadata, { host, port: configuration.metadataPort })
  await listen(secure, { host, port: configuration.apiPort })
  await rm(places.socketPath, { force: true })
  await listen(local, { path: places.socketPath })
  await chmod(places.socketPath, 0o600)
  return [metadata, secure, local]
}

/** Certificates are made by a process of its own, because the library for it would take memory in this one for ever. */
async function obtainCredentials(
  { clock, runner }: DaemonPorts,
  configuration: Configuration,
  places: Places,
  address: string,
): Promise<Credentials> {
  const read = () => readCredentials(clock, places.credentials, address)
  const present = await read()
  if (present !== undefined) return present
  const main = join(import.meta.dirname, 'main.ts')
  await runOrThrow(runner, process.execPath, [main, 'credentials', ...flagsOf(configuration)])
  const made = await read()
  if (made === undefined) throw new InvariantError('the credentials that were just made are not good')
  return made
}

async function inspectForever(
  { clock, log }: DaemonPorts,
  cloud: Cloud,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(inspectionPauseMilliseconds, signal).catch(() => {})
    try {
      await cloud.inspect()
      await boundLog(places.daemonLog, daemonLogLimitBytes)
    } catch (error) {
      log.error({ error: describe(error) }, 'looking after the servers failed')
    }
  }
}

async function listen(server: SocketServer, where: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      server.off('error', reject)
      resolve()
    })
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' && where.path?.startsWith('\0')) throw error
    const place = where.path ?? `${where.host}:${where.port}`
    throw new Failure('Unavailable', `the cloud cannot listen on ${place}`, { cause: error })
  })
}
