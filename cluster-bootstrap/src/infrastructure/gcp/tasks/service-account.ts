import { isFailure } from '@trellis/foundation/failure'
import type { InfrastructureTask, Scene } from '../scene.ts'

const what = 'serviceAccount'

/** The account that the machines act as; it is given no rights. */
export const serviceAccount: InfrastructureTask = {
  what,
  plan: async (scene) =>
    (await scene.client.findServiceAccount(emailOf(scene))) === undefined ? [{ action: 'create', what }] : [],
  apply: async (scene) => {
    const email = emailOf(scene)
    const found = await scene.client.findServiceAccount(email)
    await scene.remember(what, found ?? (await create(scene)))
  },
  destroy: async (scene) => {
    await scene.client.removeServiceAccount(scene.state()[what] ?? emailOf(scene))
    await scene.forget(what)
  },
}

/** Address of the account. */
export function emailOf({ client, names }: Scene): string {
  return `${names.serviceAccount}@${client.project}.iam.gserviceaccount.com`
}

async function create(scene: Scene): Promise<string> {
  const { client, names, request } = scene
  try {
    return await client.createServiceAccount(names.serviceAccount, `Machines of ${request.technicalId}`)
  } catch (error) {
    if (isFailure(error, 'Conflict')) return emailOf(scene)
    throw error
  }
}
