/** What stands where a secret stood. */
const mark = '[redacted]'

/** Shortest value of a Secret that is looked for: shorter ones would strike half of any text. */
const shortestSecret = 8

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, mark],
  // Bootstrap tokens, JSON web tokens, and what follows a scheme of authorization.
  [/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, mark],
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, mark],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${mark}`],
  [/(:\/\/[^\s/:@]+):[^\s/@]+@/g, `$1:${mark}@`],
  [
    /\b([\w-]*(?:password|passwd|passphrase|secret|token|credential|api[-_]?key|private[-_]?key)[\w-]*["']?\s*[:=]\s*["']?)[^\s"',;]+/gi,
    `$1${mark}`,
  ],
]

/** The text without secrets: those given, and whatever looks like one. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const values = secrets.flatMap((secret) => [secret, ...secret.split('\n')]).map((value) => value.trim())
  const longestFirst = [...new Set(values)]
    .filter(({ length }) => length >= shortestSecret)
    .sort((left, right) => right.length - left.length)
  const without = longestFirst.reduce((rest, value) => rest.replaceAll(value, mark), text)
  return patterns.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), without)
}
