import { isFailure } from '@trellis/foundation/failure'
import type { InfrastructureRequest } from '../engine.ts'
import type { Existing, OpenTofuCloud } from './cloud.ts'
import { identifiersOf, isEmpty, parseState } from './state-file.ts'
import type { StoredState } from './state-store.ts'

/** Whose infrastructure it is, and how its cloud is asked. */
export interface ExistingOptions {
  readonly cloud: OpenTofuCloud
  readonly request: InfrastructureRequest
}

type Variables = Readonly<Record<string, unknown>>

/** What exists at the cloud and the state lacks. The cloud's own word counts; where it cannot be asked, what earlier runs noted. */
export async function findImports(
  { cloud, request }: ExistingOptions,
  stored: StoredState | undefined,
  variables: Variables,
): Promise<Existing> {
  const known = identifiersOf(parseState(stored?.state ?? ''))
  const existing = (await cloud.findExisting?.(request, variables)) ?? noted(cloud, { ...request.state, ...known })
  return Object.fromEntries(Object.entries(existing).filter(([address]) => known[address] === undefined))
}

function noted(cloud: OpenTofuCloud, identifiers: Readonly<Record<string, string>>): Existing {
  return Object.fromEntries(
    Object.keys(identifiers).flatMap((address) => {
      const id = cloud.importId(address, identifiers)
      return id === undefined ? [] : [[address, id]]
    }),
  )
}

/** What is to be destroyed. */
export interface Left {
  /** Those of the run that made it, whatever the configuration has become meanwhile. */
  readonly variables: Variables
  readonly imports: Existing
}

/** What there is to destroy; undefined when neither the state nor the cloud has anything. */
export async function findLeft(options: ExistingOptions, stored: StoredState | undefined): Promise<Left | undefined> {
  const variables = stored?.variables ?? wantedVariables(options)
  if (variables === undefined) return undefined
  const imports = await findImports(options, stored, variables)
  const nothing = isEmpty(parseState(stored?.state ?? '')) && Object.keys(imports).length === 0
  return nothing ? undefined : { variables, imports }
}

/** A configuration that was refused from the beginning has made nothing: there is no note of anything. */
function wantedVariables({ cloud, request }: ExistingOptions): Variables | undefined {
  try {
    return cloud.variables(request)
  } catch (error) {
    if (isFailure(error, 'Invalid') && Object.keys(request.state).length === 0) return undefined
    throw error
  }
}
