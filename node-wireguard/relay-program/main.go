// wireguard-relay carries WireGuard's datagrams inside TLS where UDP does not pass: `wireguard-relay client PORT` beside the device that dials, with the port of
// this machine to which that is pointed (0 for a free one), and `wireguard-relay server` beside the one that listens. Commands come as lines of JSON on standard input, what happens goes out as lines of JSON; the end of the input ends
// the program.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "client":
		port, err := strconv.ParseUint(arguments[1], 10, 16)
		if err != nil {
			return err
		}
		client, err := newClient(uint16(port))
		if err != nil {
			return err
		}
		return eachCommand(os.Stdin, client.obey)
	case len(arguments) == 1 && arguments[0] == "server":
		return eachCommand(os.Stdin, newServer().obey)
	}
	return errors.New("usage: wireguard-relay client PORT | wireguard-relay server")
}
