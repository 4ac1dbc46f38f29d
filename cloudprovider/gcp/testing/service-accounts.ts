import { GoogleError } from './google-error.ts'
import type { Thing } from './list-query.ts'
import type { Call } from './methods.ts'
import type { World } from './world.ts'

/** The few calls of the IAM API that infrastructure needs. */
export function serviceAccounts(world: World, { method, path, body }: Call): object {
  const { projectsId: project = '', serviceAccountsId: email = '' } = path
  const collection = `${project}/global/serviceAccounts`
  if (method.id.endsWith('.create')) return create(world, project, body)
  const found = world.find(collection, email)
  if (found === undefined) throw new GoogleError(404, 'notFound', `Service account ${email} does not exist.`)
  if (!method.id.endsWith('.delete')) return found
  world.remove(collection, email)
  return {}
}

function create(world: World, project: string, body: Thing): Thing {
  const { accountId, serviceAccount } = body as { readonly accountId: string; readonly serviceAccount?: Thing }
  const email = `${accountId}@${project}.iam.gserviceaccount.com`
  const collection = `${project}/global/serviceAccounts`
  if (world.find(collection, email) !== undefined) {
    throw new GoogleError(
      409,
      'alreadyExists',
      `Service account ${accountId} already exists within project projects/${project}.`,
    )
  }
  return world.put(collection, email, {
    ...serviceAccount,
    name: `projects/${project}/serviceAccounts/${email}`,
    email,
    projectId: project,
    uniqueId: String(world.fresh('x', '', '').id),
  })
}
