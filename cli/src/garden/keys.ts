import { generateKeyPairSync } from 'node:crypto'
import type { CertificateMaker, KeyPair } from '@trellis/certificates/authority'
import { createParser } from '@trellis/foundation/schema'
import { type Static, Type } from 'typebox'

const KeyPairSchema = Type.Object(
  { certificate: Type.String(), privateKey: Type.String() },
  { additionalProperties: false },
)

const GardenKeysSchema = Type.Object(
  {
    clusterAuthority: KeyPairSchema,
    frontProxyAuthority: KeyPairSchema,
    etcdAuthority: KeyPairSchema,
    /** Signs the tokens of service accounts; PEM, PKCS #8. */
    serviceAccountKey: Type.String(),
    administrator: KeyPairSchema,
  },
  { additionalProperties: false },
)

/** The garden's authorities and the administrator's certificate. Whoever holds them owns the garden. */
export type GardenKeys = Static<typeof GardenKeysSchema>

/** Reads stored keys; throws `Invalid` that names the field when they are damaged. */
export const parseGardenKeys = createParser(GardenKeysSchema, 'keys of the garden').parse

/** Makes all keys of a new garden. They are elliptic, so that they fit into user-data. */
export async function createGardenKeys(certificates: CertificateMaker): Promise<GardenKeys> {
  const [clusterAuthority, frontProxyAuthority, etcdAuthority] = await Promise.all([
    certificates.createAuthority('kubernetes'),
    certificates.createAuthority('front-proxy'),
    certificates.createAuthority('etcd'),
  ])
  const administrator = await certificates.issue(clusterAuthority, {
    commonName: 'trellis:administrator',
    organizations: ['system:masters'],
    usages: ['client'],
  })
  return { clusterAuthority, frontProxyAuthority, etcdAuthority, serviceAccountKey: signingKey(), administrator }
}

/** A kubeconfig as YAML-compatible JSON text for one user of one cluster. */
export function renderKubeconfig(cluster: {
  readonly name: string
  readonly server: string
  readonly authority: string
  readonly user: KeyPair
}): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: cluster.name,
          cluster: { server: cluster.server, 'certificate-authority-data': encode(cluster.authority) },
        },
      ],
      users: [
        {
          name: 'administrator',
          user: {
            'client-certificate-data': encode(cluster.user.certificate),
            'client-key-data': encode(cluster.user.privateKey),
          },
        },
      ],
      contexts: [{ name: cluster.name, context: { cluster: cluster.name, user: 'administrator' } }],
      'current-context': cluster.name,
    },
    null,
    2,
  )}\n`
}

function signingKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
