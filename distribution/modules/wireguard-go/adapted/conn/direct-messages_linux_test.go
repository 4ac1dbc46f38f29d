package conn

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func localSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

// What wireguard-go decides by a failure must be what it decided before.
func TestFailuresAreThoseOfOtherSockets(t *testing.T) {
	socket := localSocket(t)
	tooLong := func() []ipv6.Message {
		return []ipv6.Message{{Buffers: [][]byte{make([]byte, 70_000)}, Addr: socket.LocalAddr()}}
	}
	_, got := directMessages{socket}.WriteBatch(tooLong(), 0)
	_, want := ipv4.NewPacketConn(socket).WriteBatch(tooLong(), 0)
	var ours, theirs *os.SyscallError
	if !errors.As(got, &ours) || !errors.As(want, &theirs) || *ours != *theirs {
		t.Errorf("%v, not %v", got, want)
	}
	var gotNet, wantNet net.Error
	if !errors.As(got, &gotNet) || !errors.As(want, &wantNet) || gotNet.Timeout() != wantNet.Timeout() {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestAClosedSocketEndsWhoWaits(t *testing.T) {
	socket := localSocket(t)
	ended := make(chan error)
	go func() {
		_, err := directMessages{socket}.ReadBatch([]ipv6.Message{{Buffers: [][]byte{make([]byte, 10)}}}, 0)
		ended <- err
	}()
	socket.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestMoreVectorsThanEverBefore(t *testing.T) {
	sender, receiver := localSocket(t), localSocket(t)
	var sent []ipv6.Message
	for i := range 3 {
		vectors := [][]byte{}
		for j := range 400 {
			vectors = append(vectors, []byte{byte(i), byte(j)})
		}
		sent = append(sent, ipv6.Message{Buffers: vectors, Addr: receiver.LocalAddr()})
	}
	if count, err := (directMessages{sender}).WriteBatch(sent, 0); count != 3 || err != nil {
		t.Fatal(count, err)
	}
	for i := range 3 {
		received := []ipv6.Message{{Buffers: [][]byte{make([]byte, 1), make([]byte, 1000)}}}
		if count, err := (directMessages{receiver}).ReadBatch(received, 0); count != 1 || err != nil {
			t.Fatal(count, err)
		}
		message := received[0]
		if message.N != 800 || message.Buffers[0][0] != byte(i) || message.Buffers[1][798] != byte(399%256) || message.Addr.String() != sender.LocalAddr().String() {
			t.Errorf("%d bytes from %v", message.N, message.Addr)
		}
	}
}
