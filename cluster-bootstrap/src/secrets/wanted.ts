import type { CertificateRequest } from '@trellis/certificates/authority'
import { apiServerPort, type Blueprint, clusterDomain, frontDoorUrl, relayServerName } from '../shoot/blueprint.ts'
import { upTo } from '../shoot/tunnel-ports.ts'

/** Names of the authorities, each for one use. Their Secrets have the same names, keys `ca.crt` and `ca.key`. */
export const authorityNames = [
  'ca',
  'ca-client',
  'ca-etcd',
  'ca-front-proxy',
  'ca-kubelet',
  'ca-metrics-server',
  'ca-vpn',
  'ca-http-connect',
] as const

/** Name of an authority. */
export type AuthorityName = (typeof authorityNames)[number]

/** The authorities of a control plane. */
export function wantedAuthorities(httpConnect: boolean): readonly AuthorityName[] {
  return authorityNames.filter((name) => httpConnect || name !== 'ca-http-connect')
}

/** A certificate in a Secret of its own, keys `tls.crt` and `tls.key`. */
export interface WantedCertificate {
  readonly secret: string
  readonly authority: AuthorityName
  readonly request: CertificateRequest
  /** Whether its readers see changes by themselves, so that no pod has to be replaced. */
  readonly followed?: boolean
}

/** A kubeconfig in a Secret of its own, key `kubeconfig`, with a client certificate of `ca-client`. */
export interface WantedKubeconfig {
  readonly secret: string
  readonly server: string
  readonly request: CertificateRequest
}

/** Names of the users as which Trellis's controllers act in a shoot; the add-ons chart gives them their rights. */
export const shootUsers = {
  apiServer: 'trellis:kube-apiserver',
  clusterBootstrap: 'trellis:cluster-bootstrap',
  machineControllerManager: 'trellis:machine-controller-manager',
  cloudControllerManager: 'trellis:cloud-controller-manager',
  admin: 'trellis:admin',
  adminGroup: 'trellis:cluster-admins',
} as const

/** Certificates are renewed in time by reconciling, so they need not live as long as the authorities. */
const validityDays = 730

/** Every certificate of a control plane, those of http-connect on request. */
export function wantedCertificates(
  blueprint: Blueprint,
  frontDoor: string,
  httpConnect: boolean,
): readonly WantedCertificate[] {
  const { technicalId } = blueprint
  return [
    ...tunnelCertificates(blueprint),
    ...(httpConnect ? httpConnectCertificates(technicalId) : []),
    {
      secret: 'kube-apiserver-server',
      authority: 'ca',
      request: {
        commonName: 'kube-apiserver',
        dnsNames: [
          ...serviceNames('kube-apiserver', technicalId),
          ...serviceNames('kubernetes', 'default'),
          'localhost',
        ],
        ipAddresses: ['127.0.0.1', blueprint.networks.apiServerService, frontDoor],
        usages: ['server'],
        validityDays,
      },
    },
    {
      secret: 'kube-apiserver-kubelet-client',
      // Kubelets trust the cluster's own authority for callers, so that no certificate which the cluster signs for a client is one for kubelets.
      authority: 'ca',
      request: { commonName: shootUsers.apiServer, usages: ['client'], validityDays },
    },
    {
      secret: 'front-proxy-client',
      authority: 'ca-front-proxy',
      request: { commonName: 'front-proxy-client', usages: ['client'], validityDays },
    },
    {
      secret: 'etcd-server',
      authority: 'ca-etcd',
      request: {
        commonName: 'etcd-server',
        dnsNames: [...serviceNames('etcd', technicalId), 'localhost'],
        ipAddresses: ['127.0.0.1'],
        // etcd's own gateway calls etcd with the certificate of the server.
        usages: ['server', 'client'],
        validityDays,
      },
    },
    {
      secret: 'etcd-client',
      authority: 'ca-etcd',
      request: { commonName: 'etcd-client', usages: ['client'], validityDays },
    },
    {
      secret: 'metrics-server',
      authority: 'ca-metrics-server',
      request: {
        commonName: 'metrics-server',
        dnsNames: serviceNames('metrics-server', 'kube-system'),
        usages: ['server'],
        validityDays,
      },
    },
  ]
}

/** The two ends of the tunnel, for where it goes inside TLS. */
function tunnelCertificates({ technicalId, apiServerReplicas }: Blueprint): readonly WantedCertificate[] {
  const common = { authority: 'ca-vpn', followed: true } as const
  return [
    {
      ...common,
      secret: 'vpn-relay-server',
      request: {
        commonName: 'vpn-seed',
        dnsNames: upTo(apiServerReplicas).map((replica) => relayServerName(technicalId, replica)),
        usages: ['server'],
        validityDays,
      },
    },
    { ...common, secret: 'vpn-relay-client', request: { commonName: 'vpn-shoot', usages: ['client'], validityDays } },
  ]
}

/** The two sides of http-connect: their authority signs nothing else, so whoever has its certificate is the API server. */
function httpConnectCertificates(technicalId: string): readonly WantedCertificate[] {
  const authority = 'ca-http-connect'
  const dnsNames = serviceNames('vpn-seed', technicalId)
  return [
    {
      secret: 'http-connect-server',
      authority,
      request: { commonName: 'vpn-seed', dnsNames, usages: ['server'], validityDays },
    },
    {
      secret: 'http-connect-client',
      authority,
      request: { commonName: shootUsers.apiServer, usages: ['client'], validityDays },
    },
  ]
}

/** Every kubeconfig of a control namespace. Those beside the API server do not go through the front door. */
export function wantedKubeconfigs(frontDoor: string): readonly WantedKubeconfig[] {
  const beside = `https://kube-apiserver:${apiServerPort}`
  const user = (component: string, commonName: string): WantedKubeconfig => ({
    secret: `kubeconfig-${component}`,
    server: beside,
    request: { commonName, usages: ['client'], validityDays },
  })
  return [
    user('kube-controller-manager', 'system:kube-controller-manager'),
    user('kube-scheduler', 'system:kube-scheduler'),
    user('machine-controller-manager', shootUsers.machineControllerManager),
    user('cloud-controller-manager', shootUsers.cloudControllerManager),
    {
      secret: 'kubeconfig-cluster-bootstrap',
      server: frontDoorUrl(frontDoor),
      request: {
        commonName: shootUsers.clusterBootstrap,
        organizations: ['system:masters'],
        usages: ['client'],
        validityDays,
      },
    },
    {
      secret: 'kubeconfig-admin',
      server: frontDoorUrl(frontDoor),
      request: {
        commonName: shootUsers.admin,
        organizations: [shootUsers.adminGroup],
        usages: ['client'],
        validityDays,
      },
    },
  ]
}

function serviceNames(service: string, namespace: string): readonly string[] {
  return [
    service,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.${clusterDomain}`,
  ]
}
