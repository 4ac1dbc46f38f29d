import type { InfrastructureOutputs, InfrastructureRequest } from '../engine.ts'

/** Identifiers that `import` takes, by the address of the resource in the module. */
export type Existing = Readonly<Record<string, string>>

/** What the engine must know of one kind of cloud. All of it is pure but for `findExisting` and `removeLeftovers`. */
export interface OpenTofuCloud {
  /** Folder of the module below the modules directory. */
  readonly module: string
  /** Values of the module's variables. Throws `Invalid` that names the field of the infrastructure's configuration. */
  variables(request: InfrastructureRequest): Readonly<Record<string, unknown>>
  /** Environment of the provider: its credentials and nothing that is in `variables`. Throws `Invalid` that names the key of the secret. */
  environment(request: InfrastructureRequest): Readonly<Record<string, string>>
  /** Keys of that environment whose values must be seen nowhere. */
  readonly secretEnvironment: readonly string[]
  /** The outputs of the module as those of the port. Throws `Unavailable` when one is missing. */
  outputs(values: Readonly<Record<string, unknown>>): InfrastructureOutputs
  /** What `import` takes for a resource of which the identifier is known; undefined where it cannot be imported. */
  importId(address: string, identifiers: Readonly<Record<string, string>>): string | undefined
  /** Looks at the cloud for what the module would make, by name. Absent where nothing can be looked up: then only what was noted as it was made is taken over. */
  findExisting?(request: InfrastructureRequest, variables: Readonly<Record<string, unknown>>): Promise<Existing>
  /** Takes away what the cluster itself left at the cloud, which no state knows of; called before anything is destroyed, with the variables of what is. Harmless to repeat. */
  removeLeftovers?(request: InfrastructureRequest, variables: Readonly<Record<string, unknown>>): Promise<void>
}
