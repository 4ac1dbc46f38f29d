import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSilentLog } from '@trellis/foundation/log'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock, type VirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { type Cloud, createCloud } from '../src/cloud.ts'
import { type Configuration, parseConfiguration } from '../src/configuration.ts'
import { createHostNetwork } from '../src/host-network.ts'
import { placesOf } from '../src/names.ts'
import type { Limits } from '../src/quota.ts'
import { openStore, type Store } from '../src/store.ts'
import { createFakeHost, type FakeHost } from './fake-host.ts'
import { createFakeMachines, type FakeMachines } from './fake-machines.ts'

/** A whole cloud on a host of memory; only its state files are real. */
export interface CloudDouble extends AsyncDisposable {
  readonly cloud: Cloud
  readonly store: Store
  readonly host: FakeHost
  readonly machines: FakeMachines
  readonly clock: VirtualClock
  readonly configuration: Configuration
  readonly directory: string
  /** The same cloud after its daemon was killed and started again: memory lost, host and files as they were. */
  restart(): Promise<CloudDouble>
}

/** Starts a cloud double with one image, `machine`. */
export async function startCloudDouble(limits: Partial<Limits> = {}): Promise<CloudDouble> {
  const directory = await mkdtemp(join(tmpdir(), 'localcloud-double-'))
  const { configuration } = parseConfiguration(['--instance=test', `--state=${directory}`, `--run=${directory}`], {})
  const places = placesOf(directory, directory)
  const [host, machines, clock, random] = [
    createFakeHost(),
    createFakeMachines(),
    createVirtualClock(),
    createSeededRandom('cloud double'),
  ]
  const open = async (): Promise<CloudDouble> => {
    const store = await openStore(places.records)
    const cloud = createCloud({
      clock,
      random,
      log: createSilentLog(),
      runner: host,
      store,
      hostNetwork: createHostNetwork(host),
      machines,
      configuration,
      places,
      limits: { servers: 10, cores: 20, memoryBytes: 2 ** 40, ...limits },
    })
    await cloud.prepare()
    await cloud.resume()
    return {
      cloud,
      store,
      host,
      machines,
      clock,
      configuration,
      directory,
      restart: open,
      [Symbol.asyncDispose]: async () => {
        await cloud.idle()
        await rm(directory, { recursive: true, force: true })
      },
    }
  }
  const double = await open()
  await writeFile(places.imagesFile, JSON.stringify({ images: [{ name: 'machine', layers: ['/image'] }] }))
  return double
}
