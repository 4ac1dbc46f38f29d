import { createHash } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { homeDigits } from './message.ts'

/**
 * What stands for the network namespace of this process: eight hexadecimal digits that are the same for all processes in it, and others for every other one, on whatever machine.
 * A namespace has its number only while its machine runs, so the number of that run goes in as well.
 */
export async function readHome(): Promise<string> {
  const [run, namespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readlink('/proc/self/ns/net'),
  ])
  return createHash('sha256').update(`${run.trim()} ${namespace}`).digest('hex').slice(0, homeDigits)
}
