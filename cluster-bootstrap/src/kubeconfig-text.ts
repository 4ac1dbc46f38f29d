import type { KeyPair } from '@trellis/certificates/authority'
import { stringify } from 'yaml'

/** Whom a kubeconfig is for and where it leads. */
export interface KubeconfigParts {
  /** Name of the cluster, the user and the context. */
  readonly name: string
  readonly server: string
  /** PEM of the authorities that the server may prove itself by. */
  readonly certificateAuthority: string
  readonly client: KeyPair
}

/** A kubeconfig with everything in it; the same parts always give the same text. */
export function kubeconfigText({ name, server, certificateAuthority, client }: KubeconfigParts): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(certificateAuthority) } }],
      users: [
        {
          name,
          user: {
            'client-certificate-data': base64(client.certificate),
            'client-key-data': base64(client.privateKey),
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
    },
    { lineWidth: 0 },
  )
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
