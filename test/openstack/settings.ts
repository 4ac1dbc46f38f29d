import { writeFile } from 'node:fs/promises'
import { authUrlOf, type Layout } from './layout.ts'

type Section = Readonly<Record<string, string | number | boolean>>

/** A configuration file of an OpenStack service, by section. */
export type Settings = Readonly<Record<string, Section>>

/** The region that everything is in. */
export const region = 'RegionOne'

/** How a service calls another as itself. */
export function serviceUser(layout: Layout): Section {
  return {
    auth_url: authUrlOf(layout),
    auth_type: 'password',
    username: 'svc',
    password: layout.password,
    project_name: 'service',
    user_domain_name: 'Default',
    project_domain_name: 'Default',
    region_name: region,
  }
}

/** How a service checks the tokens of those who call it. */
export function tokenCheck(layout: Layout): Section {
  const { region_name: _, ...user } = serviceUser(layout)
  return {
    ...user,
    www_authenticate_uri: authUrlOf(layout),
    service_token_roles_required: true,
    service_token_roles: 'service',
  }
}

/** The text of a configuration file. */
export function renderSettings(settings: Settings): string {
  const lines = Object.entries(settings).flatMap(([name, section]) => [
    `[${name}]`,
    ...Object.entries(section).map(([key, value]) => `${key} = ${value}`),
  ])
  return `${lines.join('\n')}\n`
}

/** Writes a configuration file, for this user's eyes only. */
export async function writeSettings(path: string, settings: Settings): Promise<void> {
  await writeFile(path, renderSettings(settings), { mode: 0o600 })
}
