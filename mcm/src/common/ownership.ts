import type { KubernetesObject, LabelSelector, OwnerReference } from '@trellis/api/meta'
import { matchesSelector } from '@trellis/kubernetes/selectors'

/** The reference that marks `owner` as the controller of another object. */
export function controllerReference(owner: KubernetesObject): OwnerReference {
  const { name, uid = '' } = owner.metadata
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true }
}

/** The controller of an object, if it has one. */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)
}

/** Objects sorted by what a would-be owner has to do about them. */
export interface Claims<Kind extends KubernetesObject> {
  /** Its own, fitting the selector. */
  readonly owned: readonly Kind[]
  /** Fitting, without a controller: to be adopted. */
  readonly adopt: readonly Kind[]
  /** Its own, no longer fitting: to be let go. */
  readonly release: readonly Kind[]
}

/** Sorts `candidates` for an owner with this selector. An owner that is being deleted adopts nothing; objects that are being deleted are neither adopted nor let go. */
export function claim<Kind extends KubernetesObject>(
  owner: KubernetesObject,
  selector: LabelSelector | undefined,
  candidates: readonly Kind[],
): Claims<Kind> {
  const owned: Kind[] = []
  const adopt: Kind[] = []
  const release: Kind[] = []
  // An absent or empty selector would claim every object of the namespace: it claims none.
  const selectsNothing = selector === undefined || isEmpty(selector)
  const ownerLeaves = owner.metadata.deletionTimestamp !== undefined
  for (const candidate of candidates) {
    const controller = controllerOf(candidate)
    const fits = !selectsNothing && matchesSelector(selector, candidate.metadata.labels)
    const leaves = candidate.metadata.deletionTimestamp !== undefined
    if (controller?.uid === owner.metadata.uid && controller !== undefined) {
      if (fits || leaves) owned.push(candidate)
      else release.push(candidate)
    } else if (controller === undefined && fits && !leaves && !ownerLeaves) adopt.push(candidate)
  }
  return { owned, adopt, release }
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0
}
