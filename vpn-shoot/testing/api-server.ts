import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSystemClock } from '@trellis/foundation/clock'
import { describe as textOf } from '@trellis/foundation/failure'
import { startTestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { aggregatedApi, nodeAt, serviceWith, validatingWebhook } from '@trellis/kubernetes/testing/extensions'
import { startProgram } from '@trellis/kubernetes/testing/program'
import { eventually } from 'node-wireguard/testing/eventually'
import { type Landscape, places } from 'node-wireguard/testing/landscape'
import type { Laboratory } from 'node-wireguard/testing/namespaces'
import { createRelayCertificates } from 'node-wireguard/testing/relay-ends'

/** An API server in the seed's pod, for which a webhook, an aggregated API and a kubelet lie behind the tunnel. */
export interface ShootApiServer {
  /** What it answers, or why it does not. */
  send(method: 'GET' | 'POST', path: string, body?: object): Promise<string>
}

const extensionAddress = '100.64.0.20'
const clock = createSystemClock()

/** Starts it, and what it calls in the shoot's pod and on its node; the tunnel must be up. All of it ends with the laboratory. */
export async function startShootApiServer(laboratory: Laboratory, landscape: Landscape): Promise<ShootApiServer> {
  const authority = await startExtensions(laboratory, landscape)
  const { seed } = landscape
  const plane = await startTestControlPlane({
    extraArguments: ['--service-cluster-ip-range=100.64.0.0/16'],
    launchApiServer: (path, flags, port) => {
      // Out of the namespace leads a socket in the file system, so that the API server has no interface but the pod's own.
      const socket = `/run/trellis-${laboratory.id}.sock`
      seed.start('socat', [`UNIX-LISTEN:${socket},fork,backlog=1024`, `TCP:127.0.0.1:${port}`])
      const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,backlog=1024`
      const way = startProgram(clock, 'socat', [listen, `UNIX-CONNECT:${socket}`])
      laboratory.endLater({
        [Symbol.asyncDispose]: () => way[Symbol.asyncDispose]().then(() => rm(socket, { force: true })),
      })
      return startProgram(clock, 'ip', ['netns', 'exec', seed.name, path, ...flags])
    },
  })
  laboratory.endLater(plane)
  const extension = { service: 'hook', authority }
  for (const [path, body] of [
    ...serviceWith('hook', extensionAddress, places.podAddress),
    nodeAt('node', places.nodeAddress),
    validatingWebhook(extension, 30),
    aggregatedApi(extension, 'golden.example'),
  ]) {
    await plane.client.request({ method: 'POST', path, body })
  }
  const send = async (method: 'GET' | 'POST', path: string, body?: object) => {
    const request = { method, path, body, timeoutMilliseconds: 60_000 }
    const answer = await plane.client.request(request).catch((error: unknown) => textOf(error))
    return typeof answer === 'string' ? answer : answer.body
  }
  await eventually(
    'the aggregated API',
    async () => ((await send('GET', '/apis/golden.example/v1/things')).includes('ThingList') ? true : undefined),
    60_000,
  )
  return { send }
}

/** Starts the webhook and the aggregated API in the pod behind a service, and the kubelet on the node. Returns the authority of their certificates. */
async function startExtensions(laboratory: Laboratory, { pod, node }: Landscape): Promise<string> {
  const { directory, maker } = await createRelayCertificates(laboratory)
  const authority = await maker.createAuthority('shoot')
  const names = { dnsNames: ['hook.default.svc'], ipAddresses: [places.nodeAddress] }
  const pair = await maker.issue(authority, { commonName: 'hook', usages: ['server'], ...names })
  const files = [join(directory, 'hook.crt'), join(directory, 'hook.key')] as const
  await writeFile(files[0], pair.certificate)
  await writeFile(files[1], pair.privateKey, { mode: 0o600 })
  const program = fileURLToPath(new URL('../../vpn-seed/testing/shoot-server.ts', import.meta.url))
  for (const [namespace, place] of [
    [pod, `${places.podAddress}:443`],
    [node, `${places.nodeAddress}:10250`],
  ] as const) {
    const server = namespace.start(process.execPath, [program, ...files, place])
    let said = ''
    for (const output of [server.stdout, server.stderr]) output?.on('data', (bytes) => (said += String(bytes)))
    await eventually('what the API server calls', () => (said.includes('ready') ? true : undefined))
  }
  const rule = `add rule ip node prerouting ip daddr ${extensionAddress} tcp dport 443 dnat to ${places.podAddress}:443\n`
  await node.feed(rule, 'nft', '-f', '-')
  return authority.certificate
}
