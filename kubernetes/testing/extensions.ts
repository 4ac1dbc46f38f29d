/** Where something that extends the API server is, and who signed its certificate. */
export interface Extension {
  /** Name of its Service in the namespace `default`. */
  readonly service: string
  /** PEM. */
  readonly authority: string
}

/** The path and body of a request that creates an object. */
export type Creation = readonly [path: string, body: object]

/** A Service in the namespace `default` with this address, and the one endpoint behind it; port 443 both. */
export function serviceWith(name: string, clusterAddress: string, endpointAddress: string): readonly Creation[] {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { clusterIP: clusterAddress, ports: [{ port: 443, name: 'https' }] },
  }
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [endpointAddress] }],
    ports: [{ port: 443, name: 'https', protocol: 'TCP' }],
  }
  return [
    ['/api/v1/namespaces/default/services', service],
    ['/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice],
  ]
}

/** A webhook that is asked about each ConfigMap that is created, and without which none is. */
export function validatingWebhook({ service, authority }: Extension, timeoutSeconds: number): Creation {
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: service },
    webhooks: [
      {
        name: `${service}.example.com`,
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds,
        clientConfig: {
          caBundle: Buffer.from(authority).toString('base64'),
          service: { namespace: 'default', name: service, path: '/webhook' },
        },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
      },
    ],
  }
  return ['/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', body]
}

/** The API `v1` of a group that the service serves. */
export function aggregatedApi({ service, authority }: Extension, group: string): Creation {
  const body = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${group}` },
    spec: {
      ...{ group, version: 'v1', groupPriorityMinimum: 100, versionPriority: 100 },
      caBundle: Buffer.from(authority).toString('base64'),
      service: { namespace: 'default', name: service },
    },
  }
  return ['/apis/apiregistration.k8s.io/v1/apiservices', body]
}

/** A node whose kubelet is at this address, port 10250. */
export function nodeAt(name: string, address: string): Creation {
  const status = { addresses: [{ type: 'InternalIP', address }], daemonEndpoints: { kubeletEndpoint: { Port: 10250 } } }
  return ['/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name }, status }]
}
