import { bootstrapTokenPlaceholder, machineNamePlaceholder } from '@trellis/api/node-agent-configuration'
import { Failure } from '@trellis/foundation/failure'
import type { BootstrapToken } from './bootstrap-token.ts'

/** Key of the class's secret that holds user-data. */
export const userDataKey = 'userData'

/** What is filled into user-data. */
export interface UserDataValues {
  readonly machineName: string
  readonly token: BootstrapToken
}

/** Whether user-data asks for a bootstrap token, plainly or URL-encoded. */
export function needsToken(userData: string): boolean {
  return (
    userData.includes(bootstrapTokenPlaceholder) || userData.includes(encodeURIComponent(bootstrapTokenPlaceholder))
  )
}

/** User-data with its placeholders filled in; URL-encoded placeholders get URL-encoded values. */
export function fillUserData(userData: string, { machineName, token }: UserDataValues): string {
  const values = [
    [bootstrapTokenPlaceholder, `${token.id}.${token.secret}`],
    [machineNamePlaceholder, machineName],
  ] as const
  return values.reduce(
    (text, [placeholder, value]) =>
      text
        .replaceAll(placeholder, () => value)
        .replaceAll(encodeURIComponent(placeholder), () => encodeURIComponent(value)),
    userData,
  )
}

/** The user-data of a class; throws `Invalid` when its secrets hold none. */
export function userDataOf(secret: Readonly<Record<string, string>>, className: string): string {
  const userData = secret[userDataKey]
  if (userData !== undefined) return userData
  throw new Failure('Invalid', `the secrets of MachineClass ${className} hold no user-data`, {
    field: `secretRef.data.${userDataKey}`,
    remedy: `add the key ${userDataKey} to the secret that secretRef names`,
  })
}
