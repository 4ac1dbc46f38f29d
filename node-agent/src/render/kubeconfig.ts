import { Failure } from '@trellis/foundation/failure'
import { parse, stringify } from 'yaml'

/** How to reach an API server and prove who one is. */
export interface Access {
  /** Such as https://198.18.0.10:6443. */
  readonly server: string
  /** Authorities that the server's certificate is checked against, in PEM. */
  readonly certificateAuthority: string
  readonly token?: string
  /** Client certificate and key, in PEM; they may be one and the same text. */
  readonly certificate?: string
  readonly key?: string
}

/** Renders a kubeconfig that authenticates with a token. */
export function renderTokenKubeconfig(server: string, certificateAuthority: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'default',
        cluster: {
          server,
          'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64'),
        },
      },
    ],
    users: [{ name: 'default', user: { token } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
    'current-context': 'default',
  })
}

/** Reads a kubeconfig whose credentials stand in it, as kubeadm writes them; throws `Invalid` when they do not. */
export function readKubeconfig(text: string): Access {
  const { clusters, users } = parse(text) as {
    clusters?: { cluster?: Record<string, string> }[]
    users?: { user?: Record<string, string> }[]
  }
  const cluster = clusters?.[0]?.cluster
  const user = users?.[0]?.user
  const server = cluster?.server
  const authority = cluster?.['certificate-authority-data']
  const certificate = user?.['client-certificate-data']
  const key = user?.['client-key-data']
  if (server === undefined || authority === undefined || certificate === undefined || key === undefined) {
    throw new Failure('Invalid', 'the kubeconfig lacks a server, an authority or a client certificate')
  }
  return {
    server,
    certificateAuthority: decode(authority),
    certificate: decode(certificate),
    key: decode(key),
  }
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString()
}
