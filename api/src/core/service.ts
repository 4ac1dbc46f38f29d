import type { Condition, KubernetesObject, Resource } from '../meta.ts'
import { coreResource, type ObjectReference } from './common.ts'

/** A port of a service. */
export interface ServicePort {
  name?: string
  protocol?: 'TCP' | 'UDP' | 'SCTP'
  appProtocol?: string
  port: number
  targetPort?: number | string
  nodePort?: number
}

/** An address at which a load balancer listens. */
export interface LoadBalancerIngress {
  ip?: string
  hostname?: string
  ipMode?: string
}

/** A stable address in front of pods. */
export interface Service extends KubernetesObject {
  spec?: {
    type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
    clusterIP?: string
    clusterIPs?: string[]
    selector?: Record<string, string>
    ports?: ServicePort[]
    externalName?: string
    externalTrafficPolicy?: 'Cluster' | 'Local'
    internalTrafficPolicy?: 'Cluster' | 'Local'
    healthCheckNodePort?: number
    loadBalancerClass?: string
    loadBalancerSourceRanges?: string[]
    allocateLoadBalancerNodePorts?: boolean
    publishNotReadyAddresses?: boolean
    sessionAffinity?: string
  }
  status?: { loadBalancer?: { ingress?: LoadBalancerIngress[] }; conditions?: Condition[] }
}

/** Addresses behind a service, in the old form. */
export interface Endpoints extends KubernetesObject {
  subsets?: {
    addresses?: { ip: string; nodeName?: string; targetRef?: ObjectReference }[]
    notReadyAddresses?: { ip: string; nodeName?: string; targetRef?: ObjectReference }[]
    ports?: { name?: string; port: number; protocol?: string }[]
  }[]
}

/** Addresses behind a service. */
export interface EndpointSlice extends KubernetesObject {
  addressType: 'IPv4' | 'IPv6' | 'FQDN'
  endpoints: {
    addresses: string[]
    conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }
    nodeName?: string
    targetRef?: ObjectReference
  }[]
  ports?: { name?: string; port?: number; protocol?: string }[]
}

/** Where services are served. */
export const services: Resource<Service> = coreResource('Service', 'services')
/** Where endpoints are served. */
export const endpoints: Resource<Endpoints> = coreResource('Endpoints', 'endpoints')
/** Where endpoint slices are served. */
export const endpointSlices: Resource<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
}
