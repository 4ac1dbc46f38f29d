import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureHostPackages } from '@trellis/distribution/obtain/host-packages'
import { ensurePythonEnvironment } from '@trellis/distribution/obtain/python-environment'
import { createCache } from '@trellis/distribution/store/cache'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import type { Random } from '@trellis/foundation/random'
import { type Administrator, createAdministrator } from './administrator.ts'
import { addUser, fillCatalogue, type PublicUrls } from './catalogue.ts'
import { configureAll, provideFirstData } from './first-data.ts'
import { authUrlOf, chooseFreePorts, type Layout, urlOf } from './layout.ts'
import { createProcesses, type Processes } from './processes.ts'
import { type FrontPlace, startPublicFront } from './public-front.ts'
import { startGlance } from './services/glance.ts'
import { startKeystone } from './services/keystone.ts'
import { startMariadb } from './services/mariadb.ts'
import { startNeutron } from './services/neutron.ts'
import { startNova } from './services/nova.ts'
import { startPlacement } from './services/placement.ts'
import { startRabbitmq, untilRabbitmq } from './services/rabbitmq.ts'
import { region } from './settings.ts'

/** What starting needs. */
export interface OpenStackPorts {
  readonly clock: Clock
  readonly random: Random
  readonly runner: CommandRunner
  /** Where parts are kept, as in `/var/cache/trellis`. */
  readonly cacheDirectory: string
  /** Where users reach the services, over TLS; unless told they do so on the loopback address, without. */
  readonly front?: FrontPlace
  /** Told what takes long. */
  readonly onProgress?: (line: string) => void
}

/** A member of a project, as the secret of a machine class has it. */
export interface Account {
  readonly secret: Readonly<Record<string, string>>
  readonly user: string
  readonly project: string
}

/** An OpenStack of the tests' own: real Keystone, Placement, Glance, Neutron and Nova. Disposing it leaves no trace. */
export interface OpenStack extends AsyncDisposable {
  /** Keystone, as users reach it. */
  readonly authUrl: string
  /** PEM of the authority by which the services prove themselves to users; undefined where there is no TLS. */
  readonly authority: string | undefined
  /** Calls of users so far, as in `POST nova /v2.1/servers`; none is counted where there is no front. */
  readonly calls: readonly string[]
  readonly region: string
  readonly administrator: Administrator
  /** A new project with one member. */
  addAccount(): Promise<Account>
  /** The port on which volumes are to be served, as the catalogue says. */
  readonly volumePort: number
  /** Direct addresses, for proxies before them. */
  readonly addresses: PublicUrls
  /** Nova's metadata service, and what proves to it that the one who asks may ask for any server. */
  readonly metadata: { readonly url: string; readonly sharedSecret: string }
}

const lockFile = join(import.meta.dirname, 'openstack.lock.txt')
const neededPrograms = ['python3', 'gcc', 'python3-config', 'mariadbd', 'mariadb', 'rabbitmqctl'] as const

/** Starts it: half a minute when all is cached, some minutes the first time. */
export async function startOpenStack(ports: OpenStackPorts): Promise<OpenStack> {
  const { clock, random, runner, cacheDirectory, onProgress = () => {} } = ports
  await ensureHostPackages(runner, neededPrograms, onProgress)
  const environment = await ensurePythonEnvironment(
    { clock, runner, cacheDirectory, onProgress },
    { name: 'openstack', lockFile },
  )
  await using stack = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'trellis-openstack-'))
  stack.defer(() => rm(root, { recursive: true, force: true }))
  const layout: Layout = {
    root,
    environment: environment.directory,
    password: 'test-bed',
    ports: await chooseFreePorts(),
  }
  await configureAll(layout)
  await provideFirstData({ clock, runner, cache: createCache(clock, random, runner, cacheDirectory) }, layout, lockFile)
  const processes = stack.use(createProcesses(layout, clock))
  await startAll(layout, processes, runner)
  const administrator = await createAdministrator(layout)
  const direct: PublicUrls = {
    keystone: urlOf(layout, 'keystone'),
    nova: urlOf(layout, 'nova'),
    neutron: urlOf(layout, 'neutron'),
    glance: urlOf(layout, 'glance'),
  }
  const front = ports.front === undefined ? undefined : stack.use(await startPublicFront(ports, ports.front, direct))
  const urls = front?.urls ?? direct
  await fillCatalogue(layout, administrator, urls)
  await untilUsable(processes, administrator)
  const owned = stack.move()
  const authUrl = `${urls.keystone}/v3`
  const trust = front === undefined ? undefined : { caCert: front.authority }
  return {
    authUrl,
    authority: front?.authority,
    calls: front?.calls ?? [],
    region,
    administrator,
    addAccount: () => addAccount(layout, administrator, { authURL: authUrl, ...trust }, random),
    volumePort: layout.ports.cinder,
    addresses: direct,
    metadata: { url: urlOf(layout, 'metadata'), sharedSecret: layout.password },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Keystone must answer before the catalogue can be filled; all others may start meanwhile. */
async function startAll(layout: Layout, processes: Processes, runner: CommandRunner): Promise<void> {
  startRabbitmq(layout, processes)
  await startMariadb(layout, processes, runner)
  await startKeystone(layout, processes)
  await startPlacement(layout, processes)
  startGlance(layout, processes)
  startNeutron(layout, processes)
  await untilRabbitmq(layout, processes)
  startNova(layout, processes)
  await processes.until('Keystone', async () => (await fetch(authUrlOf(layout))).ok)
}

/** Usable is what can make a server: each service answers, and the scheduler knows the host. */
async function untilUsable(processes: Processes, { call }: Administrator): Promise<void> {
  await processes.until('Neutron', async () => {
    await call('neutron', 'GET', '/networks')
    return true
  })
  await processes.until('Glance', async () => {
    await call('glance', 'GET', '/images')
    return true
  })
  await processes.until('Nova', async () => {
    const { services } = await call<{ services: { binary: string; state: string }[] }>('nova', 'GET', '/os-services')
    const { hypervisors } = await call<{ hypervisors: unknown[] }>('nova', 'GET', '/os-hypervisors')
    const up = new Set(services.filter(({ state }) => state === 'up').map(({ binary }) => binary))
    return ['nova-compute', 'nova-conductor', 'nova-scheduler'].every((name) => up.has(name)) && hypervisors.length > 0
  })
}

async function addAccount(
  layout: Layout,
  administrator: Administrator,
  reach: Account['secret'],
  random: Random,
): Promise<Account> {
  const name = `demo-${random.text(6)}`
  const made = await addUser(administrator, {
    user: name,
    project: name,
    roles: ['member'],
    password: layout.password,
  })
  return {
    ...made,
    secret: {
      ...reach,
      username: name,
      password: layout.password,
      domainName: 'Default',
      tenantName: name,
    },
  }
}
