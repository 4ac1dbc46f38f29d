import { patience } from './eventually.ts'

/**
 * Milliseconds after which a tunnel that was interrupted counts as one that never came back by itself: far above what recovery takes,
 * and below the two minutes after which WireGuard begins anew anyway. How long recovery takes is measured by `npm run bench:vpn`, on a host that does nothing else.
 */
export const never = 30_000 * patience

/** Milliseconds without an answer after which a way counts as one that is not there, where that is what is wanted. */
export const nobody = 3000
