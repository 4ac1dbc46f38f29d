import type { Secret } from '@trellis/api/core/configuration'
import type { ClassReference } from '@trellis/api/machine/common'
import type { MachineClass, SecretReference } from '@trellis/api/machine/machine-class'
import { type MachineErrorCode, machineFinalizers } from '@trellis/api/machine/well-known'
import type { ClassSettings } from '@trellis/cloudprovider/contract/driver'
import { failure, type Result, success } from '@trellis/foundation/result'

/** A machine class together with the data of its secrets. */
export interface ClassView {
  readonly machineClass: MachineClass
  readonly settings: ClassSettings
  /** Changes whenever the class or one of its secrets does. */
  readonly version: string
}

/** Why a class cannot be used. */
export interface ClassTrouble {
  /** `missing`: the class or a secret is not there. `wrong`: it can never work as it is. `unprotected`: its finalizer is on its way. */
  readonly kind: 'missing' | 'wrong' | 'unprotected'
  readonly code: MachineErrorCode
  /** Names the class and, if that is what lacks, the secret; for people. */
  readonly description: string
}

/** Where classes and secrets are looked up. */
export interface ClassLookup {
  readonly namespace: string
  /** Provider that classes must be of; empty in a process that calls no cloud and takes any. */
  readonly provider: string
  findClass(name: string): MachineClass | undefined
  findSecret(namespace: string, name: string): Secret | undefined
}

/** The class that a machine refers to, once it is protected from vanishing under its machines; see {@link readClass}. */
export function resolveClass(
  reference: ClassReference | undefined,
  lookup: ClassLookup,
): Result<ClassView, ClassTrouble> {
  const read = readClass(reference, lookup)
  if (!read.ok || (read.value.machineClass.metadata.finalizers ?? []).includes(machineFinalizers.object)) return read
  const description = `MachineClass ${read.value.machineClass.metadata.name} is being prepared`
  return failure({ kind: 'unprotected', code: 'FailedPrecondition', description })
}

/** A class with its secrets' data decoded, protected or not; data of credentialsSecretRef win over those of secretRef. */
export function readClass(reference: ClassReference | undefined, lookup: ClassLookup): Result<ClassView, ClassTrouble> {
  const name = reference?.name ?? ''
  const machineClass = name === '' ? undefined : lookup.findClass(name)
  const trouble = troubleWith(name, machineClass, lookup.provider)
  if (trouble !== undefined) return failure(trouble)
  if (machineClass === undefined) return failure(missing(`MachineClass ${name} does not exist`))

  const data: Record<string, string> = {}
  const versions = [machineClass.metadata.resourceVersion]
  for (const [field, secretReference] of secretReferences(machineClass)) {
    const namespace = secretReference.namespace ?? lookup.namespace
    const secret = lookup.findSecret(namespace, secretReference.name ?? '')
    if (secret === undefined) {
      const where = `${namespace}/${secretReference.name ?? ''}`
      return failure(missing(`Secret ${where}, which MachineClass ${name} names as ${field}, does not exist`))
    }
    for (const [key, value] of Object.entries(secret.data ?? {})) data[key] = Buffer.from(value, 'base64').toString()
    versions.push(secret.metadata.resourceVersion)
  }
  const settings = { providerSpec: machineClass.providerSpec, secret: data }
  return success({ machineClass, settings, version: versions.join('/') })
}

/** The secrets that a class names, in the order in which their data are laid over each other. */
export function secretReferences(machineClass: MachineClass): readonly (readonly [string, SecretReference])[] {
  const { secretRef, credentialsSecretRef } = machineClass
  return [
    ...(secretRef === undefined ? [] : [['secretRef', secretRef] as const]),
    ...(credentialsSecretRef === undefined ? [] : [['credentialsSecretRef', credentialsSecretRef] as const]),
  ]
}

function troubleWith(name: string, machineClass: MachineClass | undefined, provider: string): ClassTrouble | undefined {
  if (name === '') return wrong('spec.class.name is empty: the machine names no MachineClass')
  if (machineClass === undefined) return undefined
  const own = machineClass.provider
  if (own !== undefined && own !== '' && provider !== '' && own !== provider) {
    return wrong(`MachineClass ${name} is of provider ${own}, this machine controller is of provider ${provider}`)
  }
  return secretReferences(machineClass).length === 0
    ? wrong(`MachineClass ${name} names no secret: set secretRef`)
    : undefined
}

/** Why no new machine is to be made from a class that can be read; undefined when it may. Servers of such a class can still be deleted. */
export function flawOf({ machineClass }: ClassView): ClassTrouble | undefined {
  const lacking = nodeTemplateLacks(machineClass)
  return lacking === undefined ? undefined : wrong(`MachineClass ${machineClass.metadata.name} is invalid: ${lacking}`)
}

/** What is missing in the class's description of its nodes, by which cluster-autoscaler scales up from nothing; undefined when nothing is, or there is none. */
function nodeTemplateLacks({ nodeTemplate }: MachineClass): string | undefined {
  if (nodeTemplate === undefined) return undefined
  const resource = ['cpu', 'gpu', 'memory'].find((one) => nodeTemplate.capacity?.[one] === undefined)
  if (resource !== undefined)
    return `nodeTemplate.capacity lacks ${resource}: name cpu, gpu and memory, with 0 for none`
  const field = (['instanceType', 'region', 'zone'] as const).find((one) => !nodeTemplate[one])
  return field === undefined ? undefined : `nodeTemplate.${field} is empty: set it`
}

function missing(description: string): ClassTrouble {
  return { kind: 'missing', code: 'FailedPrecondition', description }
}

function wrong(description: string): ClassTrouble {
  return { kind: 'wrong', code: 'InvalidArgument', description }
}
