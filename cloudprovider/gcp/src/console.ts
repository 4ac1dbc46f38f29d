/** The last lines of what a server wrote to its serial port, without the control characters that move a cursor. */
export function lastLines(output: string, lines: number): string {
  const all = output.replaceAll('\r', '').split('\n')
  if (all.at(-1) === '') all.pop()
  return lines <= 0 ? '' : all.slice(-lines).join('\n')
}
