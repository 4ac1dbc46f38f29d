/** Plain JSON as YAML in block style, keys in the order given. Text is quoted unless it is a plain word beyond doubt. */
export function yamlText(value: unknown): string {
  return `${lines(value).join('\n')}\n`
}

function lines(value: unknown): string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => lines(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`))
  }
  if (isMap(value) && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([key, child]) => entryLines(key, child))
  }
  return [scalar(value)]
}

function entryLines(key: string, child: unknown): string[] {
  if (child === undefined) return []
  const nested = (Array.isArray(child) && child.length > 0) || (isMap(child) && Object.keys(child).length > 0)
  return nested ? [`${scalar(key)}:`, ...lines(child).map((line) => `  ${line}`)] : [`${scalar(key)}: ${scalar(child)}`]
}

function scalar(value: unknown): string {
  if (Array.isArray(value)) return '[]'
  if (isMap(value)) return '{}'
  if (typeof value !== 'string') return JSON.stringify(value)
  return isPlain(value) ? value : JSON.stringify(value)
}

/** Letters first, nothing that YAML could read as another type, a comment or a nested map. */
function isPlain(text: string): boolean {
  if (/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)) return false
  return /^[A-Za-z][A-Za-z0-9_./ -]*$/.test(text) && !text.endsWith(' ')
}

function isMap(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
