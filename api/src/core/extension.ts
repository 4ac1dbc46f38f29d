import type { KubernetesObject, Resource } from '../meta.ts'
import type { CoreCondition } from './common.ts'

/** A kind that the API server learns from an object. */
export interface CustomResourceDefinition extends KubernetesObject {
  spec: {
    group: string
    scope: 'Namespaced' | 'Cluster'
    names: { kind: string; plural: string; singular?: string; listKind?: string; shortNames?: string[] }
    versions: {
      name: string
      served: boolean
      storage: boolean
      schema?: { openAPIV3Schema?: Record<string, unknown> }
      subresources?: { status?: Record<string, never>; scale?: Record<string, string> }
      additionalPrinterColumns?: {
        name: string
        type: string
        jsonPath: string
        description?: string
        priority?: number
      }[]
    }[]
  }
  status?: { conditions?: CoreCondition[]; storedVersions?: string[] }
}

/** A part of the API that another server answers. */
export interface APIService extends KubernetesObject {
  spec?: {
    group?: string
    version?: string
    groupPriorityMinimum: number
    versionPriority: number
    caBundle?: string
    insecureSkipTLSVerify?: boolean
    service?: { namespace?: string; name?: string; port?: number }
  }
  status?: { conditions?: CoreCondition[] }
}

/** Where custom resource definitions are served. */
export const customResourceDefinitions: Resource<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}
/** Where API services are served. */
export const apiServices: Resource<APIService> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
}
