import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensurePythonEnvironment } from '@trellis/distribution/obtain/python-environment'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { freePort } from '@trellis/kubernetes/testing/free-port'
import { startProgram } from '@trellis/kubernetes/testing/program'

/** Services of AWS that tests talk to. */
export type MotoService = 'ec2' | 'iam' | 'sts' | 'elasticloadbalancing'

/** A server that speaks AWS's APIs and makes nothing. */
export interface Moto extends AsyncDisposable {
  readonly url: string
  /** One request of the query API, as the account's owner; the answer's XML. Throws `Invalid` when it is refused. */
  ask(service: MotoService, action: string, parameters?: Readonly<Record<string, string>>): Promise<string>
  /** Forgets everything. */
  reset(): Promise<void>
}

/** The image that the server knows, and what it calls the device that it boots from. */
export const motoImage = { id: 'ami-0123456789abcdef0', rootDeviceName: '/dev/xvda' }

/** Region that {@link Moto.ask} asks in. */
export const motoRegion = 'eu-west-1'

const versions: Readonly<Record<MotoService, string>> = {
  ec2: '2016-11-15',
  iam: '2010-05-08',
  sts: '2011-06-15',
  elasticloadbalancing: '2012-06-01',
}
const startMilliseconds = 60_000

/** Starts the server on a port of the loopback address, from the packages that `moto.lock.txt` pins. */
export async function startMoto(): Promise<Moto> {
  const [clock, runner] = [createSystemClock(), createCommandRunner()]
  const cacheDirectory = process.env.TRELLIS_CACHE ?? '/var/cache/trellis'
  const lockFile = join(import.meta.dirname, 'moto.lock.txt')
  const { python } = await ensurePythonEnvironment({ clock, runner, cacheDirectory }, { name: 'moto', lockFile })
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'moto-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const images = join(directory, 'images.json')
  await writeFile(images, JSON.stringify([imageRecord]))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const program = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)]
  const server = stack.use(startProgram(clock, 'env', [`MOTO_AMIS_PATH=${images}`, python, ...program]))
  const end = clock.now() + startMilliseconds
  while (!(await answers(url))) {
    if (server.hasEnded() || clock.now() > end) throw new Failure('Unavailable', server.lastWords())
    await clock.sleep(50)
  }
  const owned = stack.move()
  return {
    url,
    ask: (service, action, parameters = {}) => ask(url, service, { Action: action, ...parameters }),
    reset: async () => void (await fetch(`${url}/moto-api/reset`, { method: 'POST' })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const imageRecord = {
  ami_id: motoImage.id,
  name: 'machine',
  description: 'machine image of tests',
  owner_id: '123456789012',
  public: true,
  virtualization_type: 'hvm',
  architecture: 'x86_64',
  state: 'available',
  platform: null,
  image_type: 'machine',
  hypervisor: 'xen',
  root_device_type: 'ebs',
  root_device_name: motoImage.rootDeviceName,
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/moto-api/`)).ok
  } catch {
    return false
  }
}

async function ask(url: string, service: MotoService, parameters: Readonly<Record<string, string>>): Promise<string> {
  const scope = `AKIAIOSFODNN7EXAMPLE/20260101/${motoRegion}/${service}/aws4_request`
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
    body: new URLSearchParams({ Version: versions[service], ...parameters }),
  })
  const text = await response.text()
  if (!response.ok) throw new Failure('Invalid', `${parameters.Action}: ${text.slice(0, 500)}`)
  return text
}

/** Every content of an XML element of that name, in order. */
export function contents(xml: string, element: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map((match) => match[1] ?? '')
}

/** The content of the first XML element of that name. */
export function content(xml: string, element: string): string {
  const [first] = contents(xml, element)
  if (first === undefined) throw new Failure('NotFound', `the answer has no ${element}: ${xml.slice(0, 300)}`)
  return first
}

/** Parameters of tags for a new thing, as the query API writes them. */
export function tagParameters(kind: string, tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const pairs = Object.entries(tags).flatMap(([key, value], index) => [
    [`TagSpecification.1.Tag.${index + 1}.Key`, key],
    [`TagSpecification.1.Tag.${index + 1}.Value`, value],
  ])
  return { 'TagSpecification.1.ResourceType': kind, ...Object.fromEntries(pairs) }
}
