import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'

/**
 * A program for tests: what an API server calls in a shoot, over HTTPS at each address given: a webhook that denies what is named `forbidden…`, an aggregated API with a long list, and a kubelet with a long log.
 * Arguments: certificate file, key file, `address:port`… Prints `ready`.
 */
const [certificateFile = '', keyFile = '', ...places] = process.argv.slice(2)
const identity = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) }

interface Review {
  readonly request: { readonly uid: string; readonly name: string }
}

function judge({ request }: Review): object {
  const allowed = !request.name.startsWith('forbidden')
  const status = allowed ? {} : { status: { message: 'said by the shoot' } }
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: request.uid, allowed, ...status },
  }
}

const kinds = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'golden.example/v1',
  resources: [{ name: 'things', singularName: 'thing', namespaced: false, kind: 'Thing', verbs: ['list'] }],
}
const pages: Readonly<Record<string, object>> = {
  '/apis/golden.example/v1': kinds,
  '/apis/golden.example/v1/things': {
    kind: 'ThingList',
    apiVersion: 'golden.example/v1',
    items: ['said by the shoot'],
  },
}

/** Some five megabytes. */
const long = JSON.stringify({
  kind: 'ThingList',
  apiVersion: 'golden.example/v1',
  items: Array.from({ length: 50_000 }, (_, number) => `thing ${number} ${'x'.repeat(80)}`),
})
const log = Array.from({ length: 100_000 }, (_, line) => `line ${line}\n`).join('')

function answerTo(url: string, body: string): { readonly type: string; readonly text: string } {
  const page = url.startsWith('/webhook') ? judge(JSON.parse(body) as Review) : pages[url]
  if (page !== undefined) return { type: 'application/json', text: JSON.stringify(page) }
  if (url.startsWith('/apis/golden.example/v1/long')) return { type: 'application/json', text: long }
  return { type: 'text/plain', text: url === '/log' ? log : `a kubelet was asked for ${url}` }
}

let listening = 0
for (const place of places) {
  const [address = '', port = ''] = place.split(':')
  const server = createServer(identity, async (request, response) => {
    const answer = answerTo(request.url ?? '', await text(request))
    response.setHeader('content-type', answer.type).end(answer.text)
  })
  server.listen(Number(port), address, () => {
    listening += 1
    if (listening === places.length) process.stdout.write('ready\n')
  })
}
