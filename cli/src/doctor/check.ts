/** What a check found: well, or a problem with what to do about it. A warning does not stop anything. */
export type Verdict =
  | { readonly kind: 'well'; readonly found: string }
  | { readonly kind: 'warning' | 'problem'; readonly found: string; readonly remedy: string }

/** What the checks read of the host. */
export interface HostView {
  readonly userId: number
  readonly platform: string
  /** Text of a file; undefined when it cannot be read. */
  readFile(path: string): Promise<string | undefined>
  exists(path: string): Promise<boolean>
  /** Free bytes of the file system that holds `path` (or its nearest existing parent). */
  freeBytes(path: string): Promise<number>
  /** Runs a program; undefined when there is no such program. */
  run(program: string, args: readonly string[]): Promise<{ readonly code: number; readonly output: string } | undefined>
}

/** One question about the host. */
export interface Check {
  readonly name: string
  ask(host: HostView): Promise<Verdict>
}

/** Nothing to do. */
export function well(found: string): Verdict {
  return { kind: 'well', found }
}

/** Something that must be mended first. */
export function problem(found: string, remedy: string): Verdict {
  return { kind: 'problem', found, remedy }
}

/** Something worth knowing. */
export function warning(found: string, remedy: string): Verdict {
  return { kind: 'warning', found, remedy }
}
