import { eventually } from './eventually.ts'
import type { Namespace } from './namespaces.ts'

/** Has a program hold a UDP port inside a namespace and returns the port once it does. */
export async function takePort(namespace: Namespace, port: number): Promise<number> {
  const holder = namespace.start(process.execPath, [
    '-e',
    `require('node:dgram').createSocket('udp4').bind(${port}, () => console.log('bound'))`,
  ])
  let said = ''
  holder.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await eventually('the taken port', () => (said.includes('bound') ? true : undefined))
  return port
}
