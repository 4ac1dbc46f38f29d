import type { KubernetesObject, Resource } from '../meta.ts'
import { coreResource } from './common.ts'

/** Confidential data; values are base64 text. */
export interface Secret extends KubernetesObject {
  type?: string
  data?: Record<string, string>
  /** Written by clients only: plain text that the server moves to `data`. */
  stringData?: Record<string, string>
  immutable?: boolean
}

/** Plain data. */
export interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>
  binaryData?: Record<string, string>
  immutable?: boolean
}

/** A scope of names. */
export interface Namespace extends KubernetesObject {
  spec?: { finalizers?: string[] }
  status?: { phase?: 'Active' | 'Terminating'; conditions?: { type: string; status: string; message?: string }[] }
}

/** An identity of pods. */
export interface ServiceAccount extends KubernetesObject {
  secrets?: { name?: string }[]
  automountServiceAccountToken?: boolean
}

/** Where secrets are served. */
export const secrets: Resource<Secret> = coreResource('Secret', 'secrets')
/** Where config maps are served. */
export const configMaps: Resource<ConfigMap> = coreResource('ConfigMap', 'configmaps')
/** Where service accounts are served. */
export const serviceAccounts: Resource<ServiceAccount> = coreResource('ServiceAccount', 'serviceaccounts')
/** Where namespaces are served. */
export const namespaces: Resource<Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
}
