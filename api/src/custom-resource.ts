import type { TSchema } from 'typebox'
import type { KubernetesObject, Resource } from './meta.ts'

/** One column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date' | 'boolean'
  readonly jsonPath: string
  readonly description: string
  /** 0 always shown, 1 only in wide output. */
  readonly priority?: 0 | 1
}

/** Paths of the replica counts that the scale subresource reads and writes. */
export interface ScalePaths {
  readonly specReplicasPath: string
  readonly statusReplicasPath: string
}

/** All that a CustomResourceDefinition and the reference page need to know about a kind. */
export interface CustomResource<Kind extends KubernetesObject = KubernetesObject> {
  readonly resource: Resource<Kind>
  readonly singular: string
  readonly shortNames: readonly string[]
  /** What the kind is, in a sentence or two. */
  readonly description: string
  readonly schema: TSchema
  readonly columns: readonly PrinterColumn[]
  readonly status: boolean
  readonly scale?: ScalePaths
}

/** The column that shows how old an object is. */
export const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the object was created.',
}
