import { readdir, readFile } from 'node:fs/promises'
import type { TestInstallation } from './installation.ts'

/** Sends a signal (9 unless told, 0 only counts) to every process of one program of the installation; resolves with how many there were. */
export async function killProgram(
  installation: TestInstallation,
  program: string,
  signal: 'SIGKILL' | 0 = 'SIGKILL',
): Promise<number> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)
  let count = 0
  for (const pid of pids) {
    if (!(await belongs(pid, installation.name, program))) continue
    if (send(pid, signal)) count += 1
  }
  return count
}

/** Whether the signal was sent: a process may end, or be killed by somebody else, after it was looked at. */
function send(pid: number, signal: 'SIGKILL' | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

/** Whether a process runs that program in a machine of the installation, or as its cloud on the host. */
async function belongs(pid: number, installation: string, program: string): Promise<boolean> {
  const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
  const args = (await read('cmdline')).split('\0')
  if (program === 'localcloud') {
    return (
      args.some((argument) => argument.endsWith('/localcloud/src/main.ts')) &&
      args.includes(`--instance=${installation}`) &&
      args[0] !== 'sh'
    )
  }
  const runs = args[0]?.endsWith(`/${program}`) === true || args.includes(`/app/${program}.mjs`)
  return runs && (await read('cgroup')).split('\n').some((line) => line.split('/').includes(installation))
}
