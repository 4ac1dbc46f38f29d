import { Failure } from '@trellis/foundation/failure'

/** The image that Kubernetes' own end-to-end tests use most; every machine image carries it. */
export function agnhostImage(images: Readonly<Record<string, string>>): string {
  const reference = images.agnhost
  if (reference === undefined) throw new Failure('NotFound', 'the distribution lists no image agnhost')
  return reference
}

/** A Deployment of a web server whose replicas must run on different nodes and take three seconds to end, and a Service in front of it. */
export function webServer(image: string, replicas: number): readonly object[] {
  const labels = { app: 'web' }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 20,
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: 'kubernetes.io/hostname',
                whenUnsatisfiable: 'DoNotSchedule',
                // A node that is being drained takes nothing and must not count as an empty one.
                nodeTaintsPolicy: 'Honor',
                labelSelector: { matchLabels: labels },
              },
            ],
            containers: [
              {
                name: 'web',
                image,
                args: ['netexec', '--http-port=8080', '--delay-shutdown=3'],
                readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]
}

/** A pod that runs agnhost with the given arguments. */
export function agnhostPod(name: string, image: string, args: readonly string[], extra: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { restartPolicy: 'Never', containers: [{ name, image, args }], ...extra },
  }
}

/** A webhook server in a pod, its Service and the configuration that makes the API server ask it about ConfigMaps labelled `webhook: deny`. */
export function denyingWebhook(
  image: string,
  tls: { readonly authority: string; readonly certificate: string; readonly privateKey: string },
): readonly object[] {
  const encode = (text: string): string => Buffer.from(text).toString('base64')
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'webhook-tls' },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': encode(tls.certificate), 'tls.key': encode(tls.privateKey) },
    },
    agnhostPod(
      'webhook',
      image,
      ['webhook', '--tls-cert-file=/tls/tls.crt', '--tls-private-key-file=/tls/tls.key', '--port=8443'],
      {
        containers: [
          {
            name: 'webhook',
            image,
            args: ['webhook', '--tls-cert-file=/tls/tls.crt', '--tls-private-key-file=/tls/tls.key', '--port=8443'],
            volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
            readinessProbe: { httpGet: { path: '/readyz', port: 8443, scheme: 'HTTPS' }, periodSeconds: 1 },
          },
        ],
        volumes: [{ name: 'tls', secret: { secretName: 'webhook-tls' } }],
      },
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'webhook' },
      spec: { selector: { app: 'webhook' }, ports: [{ port: 443, targetPort: 8443 }] },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'deny' },
      webhooks: [
        {
          name: 'deny.trellis.internal',
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
          objectSelector: { matchLabels: { webhook: 'deny' } },
          clientConfig: {
            service: { namespace: 'default', name: 'webhook', path: '/always-deny' },
            caBundle: encode(tls.authority),
          },
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          timeoutSeconds: 10,
          failurePolicy: 'Fail',
        },
      ],
    },
  ]
}

/** Several objects as one text that kubectl takes. */
export function asList(objects: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
}
