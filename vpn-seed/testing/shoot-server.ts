import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'

/**
 * A program for tests: what an API server calls in a shoot, over HTTPS at each address given: a webhook that denies what is named `forbidden`, an aggregated API, and a kubelet.
 * Arguments: certificate file, key file, `address:port`… Prints `ready`.
 */
const [certificateFile = '', keyFile = '', ...places] = process.argv.slice(2)
const identity = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) }

interface Review {
  readonly request: { readonly uid: string; readonly name: string }
}

function judge({ request }: Review): object {
  const allowed = request.name !== 'forbidden'
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

let listening = 0
for (const place of places) {
  const [address = '', port = ''] = place.split(':')
  createServer(identity, async (request, response) => {
    const body = await text(request)
    const page =
      request.url === '/webhook' || request.url?.startsWith('/webhook?')
        ? judge(JSON.parse(body))
        : pages[request.url ?? '']
    response.setHeader('content-type', page === undefined ? 'text/plain' : 'application/json')
    response.end(page === undefined ? `a kubelet was asked for ${request.url}` : JSON.stringify(page))
  }).listen(Number(port), address, () => {
    listening += 1
    if (listening === places.length) process.stdout.write('ready\n')
  })
}
