/** One block of HCL: its fields, and the blocks in it. */
export interface HclBlock {
  readonly type: string
  readonly labels: readonly string[]
  /** Expressions as they are written, by name. */
  readonly fields: Readonly<Record<string, string>>
  readonly blocks: readonly HclBlock[]
}

interface OpenBlock {
  readonly type: string
  readonly labels: readonly string[]
  readonly fields: Record<string, string>
  readonly blocks: OpenBlock[]
}

/**
 * Reads the blocks of HCL that `tofu fmt` has formatted, for tests of what modules say: a field or the head of a block stands at the beginning of a line, as deep
 * as its block. Expressions of several lines are kept as text.
 */
export function readHcl(text: string): readonly HclBlock[] {
  const root: OpenBlock = { type: '', labels: [], fields: {}, blocks: [] }
  const stack = [root]
  let field: string | undefined
  for (const line of text.split('\n')) {
    const block = stack.at(-1) ?? root
    const indent = '  '.repeat(stack.length - 1)
    const end = '  '.repeat(Math.max(0, stack.length - 2))
    if (line === `${end}}` && stack.length > 1 && field === undefined) stack.pop()
    else if (field !== undefined) field = goOn(block, field, line, indent)
    else if (line.startsWith(indent)) field = begin(stack, block, line.slice(indent.length))
  }
  return root.blocks
}

/** A line at the depth of its block: the head of a block or a field. Answers with the field that goes on in the next line. */
function begin(stack: OpenBlock[], block: OpenBlock, line: string): string | undefined {
  const head = /^(\w+)((?: "[^"]*")*) \{$/.exec(line)
  if (head !== null) {
    const labels = [...(head[2] ?? '').matchAll(/"([^"]*)"/g)].map((label) => label[1] ?? '')
    const inner: OpenBlock = { type: head[1] ?? '', labels, fields: {}, blocks: [] }
    block.blocks.push(inner)
    stack.push(inner)
    return undefined
  }
  const [, name, value] = /^(\w+)\s+= (.*)$/.exec(line) ?? []
  if (name === undefined || value === undefined) return undefined
  block.fields[name] = value
  return /[[({]$/.test(value) ? name : undefined
}

function goOn(block: OpenBlock, name: string, line: string, indent: string): string | undefined {
  block.fields[name] = `${block.fields[name]}\n${line}`
  return line.startsWith(`${indent} `) || line.trim() === '' ? name : undefined
}
