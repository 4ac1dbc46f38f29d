import { readFile } from 'node:fs/promises'
import type { Clock } from '@trellis/foundation/clock'
import type { CommandRunner } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'
import { createExecCredentials } from './exec-credentials.ts'
import type { Kubeconfig, TextSource } from './kubeconfig.ts'

/** What a request carries to prove who sends it. */
export interface Identity {
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly clientCertificate?: string | undefined
  readonly clientKey?: string | undefined
  readonly certificateAuthority?: string | undefined
}

/** Credentials that renew themselves: files are read again as they rotate, plugins run again as their answers expire. */
export interface Credentials {
  current(): Promise<Identity>
  /** Says that the server refused the present identity; true when the next one may be another. */
  refused(): boolean
}

/** How long the text of a file is used before it is read again. */
const fileAgeMilliseconds = 10_000

/** Turns the user of a kubeconfig into identities. */
export function createCredentials(clock: Clock, kubeconfig: Kubeconfig, runner: CommandRunner): Credentials {
  const { user } = kubeconfig
  const files = createRotatingFiles(clock)
  const exec = user.exec === undefined ? undefined : createExecCredentials(clock, user.exec, kubeconfig, runner)
  const readsFiles = [user.token, user.clientCertificate].some((source) => source !== undefined && 'file' in source)
  return {
    current: async () => {
      const plugin = await exec?.current()
      const token = plugin?.token ?? (await files.text(user.token))
      return {
        headers: { ...authorization(token?.trim(), user.basic), ...impersonation(user.impersonate) },
        clientCertificate: plugin?.clientCertificate ?? (await files.text(user.clientCertificate)),
        clientKey: plugin?.clientKey ?? (await files.text(user.clientKey)),
        certificateAuthority: await files.text(kubeconfig.certificateAuthority),
      }
    },
    refused: () => {
      files.forget()
      exec?.forget()
      return readsFiles || exec !== undefined
    },
  }
}

type Basic = { readonly username: string; readonly password: string }

function authorization(token: string | undefined, basic: Basic | undefined): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (basic === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}` }
}

function impersonation(
  names: { readonly user: string; readonly groups: readonly string[] } | undefined,
): Record<string, string | string[]> {
  if (names === undefined) return {}
  return {
    'impersonate-user': names.user,
    ...(names.groups.length === 0 ? {} : { 'impersonate-group': [...names.groups] }),
  }
}

interface RotatingFiles {
  text(source: TextSource | undefined): Promise<string | undefined>
  forget(): void
}

/** Reads files at most once in a while. A file that cannot be read for a moment, as happens while it is swapped, keeps its last text. */
function createRotatingFiles(clock: Clock): RotatingFiles {
  const known = new Map<string, { readonly text: string; readonly since: number }>()
  let minimumSince = Number.NEGATIVE_INFINITY
  return {
    forget: () => {
      minimumSince = clock.now()
    },
    text: async (source) => {
      if (source === undefined) return undefined
      if ('text' in source) return source.text
      const last = known.get(source.file)
      const oldest = Math.max(minimumSince, clock.now() - fileAgeMilliseconds + 1)
      if (last !== undefined && last.since >= oldest) return last.text
      try {
        const text = await readFile(source.file, 'utf8')
        known.set(source.file, { text, since: clock.now() })
        return text
      } catch (error) {
        if (last !== undefined) return last.text
        throw new Failure('Unavailable', `the credentials file ${source.file} cannot be read`, { cause: error })
      }
    },
  }
}
