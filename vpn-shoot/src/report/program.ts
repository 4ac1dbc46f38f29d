import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text as textOf } from 'node:stream/consumers'
import { createSystemClock } from '@trellis/foundation/clock'
import { readJsonFile } from '@trellis/foundation/configuration-file'
import { createLog } from '@trellis/foundation/log'
import { createClient } from '@trellis/kubernetes/client'
import type { TunnelStatus } from 'node-wireguard/tunnel/status'
import { reportParser } from './configuration.ts'
import { runReporter, type TunnelView, viewOf } from './reporter.ts'

const answerMilliseconds = 2_000

/** Reports until the signal aborts; never rejects. */
export type Report = (signal: AbortSignal) => Promise<void>

/** Gets ready to report as the file says. Throws `NotFound` or `Invalid` that names the field when it cannot be used. */
export async function prepareReport(path: string): Promise<Report> {
  const file = reportParser.parse(await readJsonFile(path, '--report'))
  const clock = createSystemClock()
  const log = createLog('vpn-shoot-report')
  const kubeconfig = {
    server: file.server,
    certificateAuthority: { file: file.certificateAuthorityFile },
    skipTlsVerify: false,
    user: { token: { file: file.tokenFile } },
  }
  const url = file.statusUrl ?? 'http://127.0.0.1:9110/status'
  return async (signal) => {
    using client = createClient({ clock, kubeconfig, userAgent: 'vpn-shoot' })
    await runReporter({ clock, log, client, end: file.end, look: (stop) => lookAt(url, stop) }, signal)
  }
}

/** Asks this end's own health server, which is not there in the first moments. */
async function lookAt(url: string, signal: AbortSignal): Promise<TunnelView | undefined> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)])
  const body = await bodyOf(url, stop).catch(() => undefined)
  if (body === undefined) return undefined
  return viewOf(JSON.parse(body) as TunnelStatus)
}

/** Not by `fetch`, which brings an HTTP client of its own: three mebibytes for one question. */
async function bodyOf(url: string, signal: AbortSignal): Promise<string | undefined> {
  const [response] = (await once(get(url, { signal, agent: false }), 'response')) as [IncomingMessage]
  const body = await textOf(response)
  return response.statusCode === 200 ? body : undefined
}
