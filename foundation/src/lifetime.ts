/** A signal that aborts when the process is asked to end (SIGTERM, SIGINT). The second request ends it at once. */
export function untilAskedToStop(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + (name === 'SIGINT' ? 2 : 15))
      controller.abort(new Error(`received ${name}`))
    })
  }
  return controller.signal
}

/** Resolves when the signal aborts; at once when it has already. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** A signal that aborts with the first of the given ones or when `abort` is called. */
export function childSignal(parent: AbortSignal): { readonly signal: AbortSignal; abort(reason?: unknown): void } {
  const controller = new AbortController()
  return {
    signal: AbortSignal.any([parent, controller.signal]),
    abort: (reason) => controller.abort(reason ?? new Error('stopped')),
  }
}
