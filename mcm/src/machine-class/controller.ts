import { type Secret, secrets } from '@trellis/api/core/configuration'
import type { Machine } from '@trellis/api/machine/machine'
import { type MachineClass, machineClasses } from '@trellis/api/machine/machine-class'
import { machineFinalizers } from '@trellis/api/machine/well-known'
import { type KubernetesObject, keyOf, type Resource } from '@trellis/api/meta'
import type { Client } from '@trellis/kubernetes/client'
import { type Controller, done, type Outcome } from '@trellis/kubernetes/controller'
import type { Informer } from '@trellis/kubernetes/informer'
import type { FreshReader } from '../common/freshness.ts'
import { classFinalizers, secretFinalizers, secretsInUse } from './decide.ts'
import { secretReferences } from './resolve.ts'

/** All that the machine class controller works with. */
export interface MachineClassContext {
  readonly namespace: string
  readonly control: Client
  readonly classes: Informer<MachineClass>
  readonly classReader: FreshReader<MachineClass>
  readonly secrets: Informer<Secret>
  readonly secretReader: FreshReader<Secret>
  /** With the index `class`. */
  readonly machines: Informer<Machine>
}

/** Keeps finalizers on classes that machines were made from, and on the secrets of classes, so that every server can still be deleted. Keys are names of classes. */
export interface MachineClassReconciler {
  reconcile(name: string): Promise<Outcome>
  /** Puts classes into the queue whenever something changes that concerns them; `onClassChange` hears of every class whose meaning changed. Returns how to stop. */
  follow(controller: Controller, onClassChange: (name: string) => void): () => void
}

/** Makes the reconciler. */
export function createMachineClassReconciler(context: MachineClassContext): MachineClassReconciler {
  return {
    reconcile: (name) => reconcile(context, name),
    follow: (controller, onClassChange) => followChanges(context, controller, onClassChange),
  }
}

async function reconcile(context: MachineClassContext, name: string): Promise<Outcome> {
  const { namespace, classReader, secretReader, control } = context
  const present = classReader.freshen(context.classes.list(namespace))
  // Secrets first: a class with its finalizer promises that its secrets have theirs.
  for (const secret of secretReader.freshen(context.secrets.list(namespace))) {
    const finalizers = secretFinalizers(secret, present)
    if (finalizers !== undefined) secretReader.remember(await setFinalizers(control, secrets, secret, finalizers))
  }
  const machineClass = classReader.get({ namespace, name })
  if (machineClass === undefined) return done
  const finalizers = classFinalizers(machineClass, context.machines.countByIndex('class', name))
  if (finalizers !== undefined) {
    classReader.remember(await setFinalizers(control, machineClasses, machineClass, finalizers))
  }
  return done
}

function setFinalizers<Kind extends KubernetesObject>(
  control: Client,
  resource: Resource<Kind>,
  object: Kind,
  finalizers: readonly string[],
): Promise<Kind> {
  const patch = { metadata: { resourceVersion: object.metadata.resourceVersion, finalizers } }
  return control.patch(resource, keyOf(object), patch, { type: 'merge' })
}

function followChanges(
  { classes, secrets: secretInformer, machines, namespace }: MachineClassContext,
  controller: Controller,
  onClassChange: (name: string) => void,
): () => void {
  const stops = [
    classes.onChange(({ key }) => {
      controller.enqueue(key.name)
      onClassChange(key.name)
    }),
    secretInformer.onChange(({ key }) => {
      const users = classes.list(namespace).filter((machineClass) => uses(machineClass, key.name, namespace))
      for (const { metadata } of users) {
        controller.enqueue(metadata.name)
        onClassChange(metadata.name)
      }
    }),
    machines.onChange(({ before, after }) => {
      const left = before?.spec?.class?.name
      const come = after?.spec?.class?.name
      if (left === come) return
      // Only the first and the last machine of a class make a difference; the first may come in a crowd. A machine that is updated in place changes its class.
      for (const name of [left, come]) {
        if (name === undefined) continue
        const finalizers = classes.get({ namespace, name })?.metadata.finalizers ?? []
        const guarded = finalizers.includes(machineFinalizers.object)
        if (!guarded || machines.countByIndex('class', name) <= 1) controller.enqueue(name)
      }
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

function uses(machineClass: MachineClass, secretName: string, namespace: string): boolean {
  return secretReferences(machineClass).length > 0 && secretsInUse([machineClass], namespace).has(secretName)
}
