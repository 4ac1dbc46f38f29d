module trellis/node-wireguard/relay-program

go 1.26.0

require golang.org/x/sys v0.32.0
