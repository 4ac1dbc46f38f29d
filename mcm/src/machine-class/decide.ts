import type { Secret } from '@trellis/api/core/configuration'
import type { MachineClass } from '@trellis/api/machine/machine-class'
import { machineFinalizers } from '@trellis/api/machine/well-known'
import type { KubernetesObject } from '@trellis/api/meta'
import { secretReferences } from './resolve.ts'

/** The finalizers that an object is to have; undefined when it has them. A finalizer cannot be added to an object that is being deleted. */
export function finalizersFor(
  object: KubernetesObject,
  finalizer: string,
  used: boolean,
): readonly string[] | undefined {
  const present = object.metadata.finalizers ?? []
  if (used === present.includes(finalizer)) return undefined
  if (used) return object.metadata.deletionTimestamp === undefined ? [...present, finalizer] : undefined
  return present.filter((name) => name !== finalizer)
}

/** Names of the secrets of a namespace that classes refer to. */
export function secretsInUse(classes: readonly MachineClass[], namespace: string): ReadonlySet<string> {
  return new Set(
    classes.flatMap((machineClass) =>
      secretReferences(machineClass)
        .filter(([, reference]) => (reference.namespace ?? namespace) === namespace)
        .flatMap(([, { name }]) => (name === undefined ? [] : [name])),
    ),
  )
}

/** The finalizers of a class whose machines number `machines`. */
export function classFinalizers(machineClass: MachineClass, machines: number): readonly string[] | undefined {
  return finalizersFor(machineClass, machineFinalizers.object, machines > 0)
}

/** The finalizers of a secret, given the classes of its namespace. */
export function secretFinalizers(secret: Secret, classes: readonly MachineClass[]): readonly string[] | undefined {
  const used = secretsInUse(classes, secret.metadata.namespace ?? '').has(secret.metadata.name)
  return finalizersFor(secret, machineFinalizers.secret, used)
}
