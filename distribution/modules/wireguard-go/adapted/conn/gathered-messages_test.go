package conn

import (
	"bytes"
	"math/rand"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/ipv6"
)

func TestGatheredMessagesAreWhatTheKernelCanCutApartAgain(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for round := range 3000 {
		to := netip.MustParseAddrPort([]string{"192.0.2.1:1", "[2001:db8::1]:1"}[round%2])
		longest := []int{maxIPv4PayloadLen, maxIPv6PayloadLen}[round%2]
		sizes := []int{32, 96, 1440, 1452, 8192, longest}
		datagrams := make([][]byte, 1+random.Intn(IdealBatchSize))
		size := sizes[random.Intn(len(sizes))]
		for i := range datagrams {
			if random.Intn(8) == 0 {
				size = sizes[random.Intn(len(sizes))]
			}
			datagrams[i] = bytes.Repeat([]byte{byte(i)}, size)
		}
		messages := make([]ipv6.Message, IdealBatchSize)
		for i := range messages {
			// What an earlier use may have left.
			messages[i].Buffers = net.Buffers{[]byte("old"), []byte("older")}
			messages[i].OOB = make([]byte, 0, 2)
		}
		count := gatherMessages(&net.UDPAddr{}, &StdNetEndpoint{AddrPort: to}, datagrams, messages, mockSetGSOSize)
		rest := datagrams
		for _, message := range messages[:count] {
			own := rest[:len(message.Buffers)]
			rest = rest[len(own):]
			together := 0
			for i, buffer := range message.Buffers {
				together += len(buffer)
				if &buffer[0] != &own[i][0] {
					t.Fatal("a datagram was copied or is out of its turn")
				}
				if len(buffer) > len(own[0]) || (i < len(own)-1 && len(buffer) != len(own[0])) {
					t.Fatalf("datagram %d of %d has %d bytes, the first %d", i, len(own), len(buffer), len(own[0]))
				}
			}
			if together > longest || len(own) > udpSegmentMaxDatagrams {
				t.Fatalf("%d datagrams with %d bytes are too much", len(own), together)
			}
			if told, _ := mockGetGSOSize(message.OOB); (len(own) > 1) != (told == len(own[0])) && len(own) > 1 {
				t.Fatalf("the kernel is told %d, and %d datagrams of %d are in", told, len(own), len(own[0]))
			}
		}
		if len(rest) > 0 {
			t.Fatalf("%d datagrams are in no message", len(rest))
		}
	}
}

// Two real sockets: what goes in comes out, whatever the kernel put together on the way.
func TestDatagramsArriveAsTheyWere(t *testing.T) {
	sender, receiver := NewStdNetBind(), NewStdNetBind()
	if _, _, err := sender.Open(0); err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	receivers, port, err := receiver.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	for name, address := range map[string]string{"IPv4": "127.0.0.1", "IPv6": "::1"} {
		t.Run(name, func(t *testing.T) {
			receive := receivers[0]
			if name == "IPv6" {
				if len(receivers) < 2 {
					t.Log("this host has no IPv6: nothing to see")
					return
				}
				receive = receivers[1]
			}
			random := rand.New(rand.NewSource(2))
			for range 50 {
				sent := make([][]byte, 1+random.Intn(IdealBatchSize))
				size := 100 + random.Intn(1340)
				for i := range sent {
					if random.Intn(20) == 0 {
						size = 100 + random.Intn(1340)
					}
					sent[i] = make([]byte, size)
					random.Read(sent[i])
				}
				endpoint, err := sender.ParseEndpoint(netip.AddrPortFrom(netip.MustParseAddr(address), port).String())
				if err != nil {
					t.Fatal(err)
				}
				if err := sender.Send(sent, endpoint); err != nil {
					t.Fatal(err)
				}
				for _, want := range receiveAll(t, receive, len(sent)) {
					if !bytes.Equal(want, sent[0]) {
						t.Fatalf("%d bytes came that are not the %d that were sent", len(want), len(sent[0]))
					}
					sent = sent[1:]
				}
			}
		})
	}
}

func receiveAll(t *testing.T, receive ReceiveFunc, count int) [][]byte {
	t.Helper()
	stuck := time.AfterFunc(30*time.Second, func() { panic("datagrams were lost on the loopback interface") })
	defer stuck.Stop()
	var received [][]byte
	for len(received) < count {
		buffers, sizes, endpoints := make([][]byte, IdealBatchSize), make([]int, IdealBatchSize), make([]Endpoint, IdealBatchSize)
		for i := range buffers {
			buffers[i] = make([]byte, 1<<16)
		}
		got, err := receive(buffers, sizes, endpoints)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if sizes[i] == 0 {
				continue
			}
			if endpoints[i] == nil {
				t.Fatal("a datagram came from nowhere")
			}
			received = append(received, buffers[i][:sizes[i]])
		}
	}
	return received
}
