import type { CustomResourceDefinition } from '@trellis/api/core/extension'
import type { KubernetesObject, Resource } from '@trellis/api/meta'

/** The kind that tests use for plain data. */
export interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>
}

/** Where ConfigMaps are served. */
export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
}

/** The kind that tests use where status is a subresource: every API server has it, and nothing acts on it. */
export interface Ingress extends KubernetesObject {
  spec: { defaultBackend: { service: { name: string; port: { number: number } } } }
  status?: { loadBalancer?: { ingress?: { ip: string }[] } }
}

/** Where Ingresses are served. */
export const ingresses: Resource<Ingress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  namespaced: true,
}

/** Where Namespaces are served. */
export const namespaces: Resource<KubernetesObject> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
}

/** Where ServiceAccounts are served. */
export const serviceAccounts: Resource<KubernetesObject> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
}

/** A ConfigMap with some data. */
export function configMap(
  namespace: string,
  name: string,
  data: Record<string, string> = {},
  metadata: Partial<ConfigMap['metadata']> = {},
): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ...metadata }, data }
}

/** An Ingress that leads to a Service's port. */
export function ingress(namespace: string, name: string, port: number): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace },
    spec: { defaultBackend: { service: { name: 'web', port: { number: port } } } },
  }
}

/** The kind that tests use for a resource of our own. */
export interface Garden extends KubernetesObject {
  spec: { size?: number }
  status?: { trees?: number }
}

/** Where Gardens are served once {@link gardenDefinition} is installed. */
export const gardens: Resource<Garden> = {
  group: 'example.com',
  version: 'v1',
  kind: 'Garden',
  plural: 'gardens',
  namespaced: true,
}

/** What makes an API server serve Gardens. */
export const gardenDefinition: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gardens.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Garden', plural: 'gardens' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', required: ['size'], properties: { size: { type: 'integer' } } },
              status: { type: 'object', properties: { trees: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
}

/** A Garden of some size. */
export function garden(namespace: string, name: string, size: number): Garden {
  return { apiVersion: 'example.com/v1', kind: 'Garden', metadata: { name, namespace }, spec: { size } }
}
