/** A refusal, as Google's APIs write it. */
export class GoogleError extends Error {
  readonly status: number
  readonly reason: string
  /** Seconds for the header `Retry-After`. */
  readonly retryAfter: number | undefined

  constructor(status: number, reason: string, message: string, retryAfter?: number) {
    super(message)
    this.status = status
    this.reason = reason
    this.retryAfter = retryAfter
  }
}

/** The body of such an answer. */
export function errorBody({ status, reason, message }: GoogleError): object {
  const domain = status === 403 && /quota|rate/i.test(reason) ? 'usageLimits' : 'global'
  return { error: { code: status, message, errors: [{ message, domain, reason }] } }
}
