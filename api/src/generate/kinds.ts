import type { CustomResource } from '../custom-resource.ts'
import { cloudProfileDefinition } from '../garden/cloud-profile.ts'
import { credentialsBindingDefinition } from '../garden/credentials-binding.ts'
import { projectDefinition, secretBindingDefinition } from '../garden/project.ts'
import { seedDefinition } from '../garden/seed.ts'
import { shootDefinition } from '../garden/shoot.ts'
import { machineDefinition } from '../machine/machine.ts'
import { machineClassDefinition } from '../machine/machine-class.ts'
import { machineDeploymentDefinition } from '../machine/machine-deployment.ts'
import { machineSetDefinition } from '../machine/machine-set.ts'

/** Every kind that we define, in the order in which the reference page shows them. */
export const definitions: readonly CustomResource[] = [
  shootDefinition,
  seedDefinition,
  cloudProfileDefinition,
  projectDefinition,
  secretBindingDefinition,
  credentialsBindingDefinition,
  machineDeploymentDefinition,
  machineSetDefinition,
  machineDefinition,
  machineClassDefinition,
]
