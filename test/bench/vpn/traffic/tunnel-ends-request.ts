/** One end of one tunnel, as `tunnel-ends.ts` is asked for it. */
export interface TunnelEndRequest {
  readonly interfaceName: string
  /** Path of wireguard-go. */
  readonly program: string
  readonly privateKey: string
  readonly listenPort?: number
  /** Inside the tunnel. */
  readonly address: string
  readonly peerAddress: string
  /** With an endpoint this end dials. */
  readonly peer: { readonly publicKey: string; readonly endpoint?: string }
}
