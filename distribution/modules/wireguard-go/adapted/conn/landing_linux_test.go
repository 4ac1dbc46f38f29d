package conn

import (
	"bytes"
	"math/rand"
	"net"
	"testing"
	"unsafe"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// scripted is a message as the kernel hands it out: datagrams of one size, but for the last, which may be shorter.
type scripted struct {
	content []byte
	size    int
}

// scriptedReader fills the vectors of a message one after the other, as the kernel does.
type scriptedReader struct{ messages []scripted }

func (reader *scriptedReader) ReadBatch(messages []ipv6.Message, _ int) (int, error) {
	count := min(len(messages), len(reader.messages))
	for i, from := range reader.messages[:count] {
		message := &messages[i]
		rest := from.content
		for _, vector := range message.Buffers {
			rest = rest[copy(vector, rest):]
		}
		message.N = len(from.content) - len(rest)
		control := message.OOB[:0]
		if from.size > 0 {
			setReceivedSize(&control, uint16(from.size))
		}
		message.NN = len(control)
		message.Addr = &net.UDPAddr{IP: net.IPv4(192, 0, 2, byte(i)), Port: 1}
	}
	reader.messages = reader.messages[count:]
	return count, nil
}

// setReceivedSize writes what the kernel says of a message it has put together, which looks like what it is told of one to cut apart.
func setReceivedSize(control *[]byte, size uint16) {
	setGSOSize(control, size)
	(*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(*control))).Type = unix.UDP_GRO
}

func emptyBuffers(count int) [][]byte {
	buffers := make([][]byte, count)
	for i := range buffers {
		buffers[i] = make([]byte, 1<<16)
	}
	return buffers
}

func TestDatagramsLandAsTheyWereWhateverIsExpected(t *testing.T) {
	random := rand.New(rand.NewSource(5))
	kinds := []int{1, 32, 96, 148, 1280, usualDatagram, 1500, 8952, largeDatagram, largeDatagram + 1, 65_507}
	all := 0
	buffers := emptyBuffers(IdealBatchSize)
	for range 400 {
		reader := &scriptedReader{}
		land := receiveByLanding(nil, reader, true)
		size := usualDatagram
		for range 20 {
			messages := make([]scripted, 1+random.Intn(2))
			for i := range messages {
				if random.Intn(3) == 0 {
					size = kinds[random.Intn(len(kinds))]
				}
				messages[i] = arbitraryMessage(random, size)
			}
			reader.messages = append([]scripted(nil), messages...)
			sizes, endpoints := make([]int, IdealBatchSize), make([]Endpoint, IdealBatchSize)
			for i := range sizes {
				sizes[i] = random.Intn(5000)
			}
			count, err := land(buffers, sizes, endpoints)
			if err != nil {
				t.Fatal(err)
			}
			for i, message := range messages {
				part := IdealBatchSize / 2
				own := sizes[min(count, i*part):min(count, (i+1)*part)]
				for _, want := range datagramsOf(message) {
					place, ok := placeOf(want, buffers[i*part:], own)
					if !ok {
						t.Fatalf("a datagram of %d bytes, one of %d, is in no buffer", len(want), message.size)
					}
					own[place] = 0
					all++
					if endpoints[i*part+place].DstIP().As4()[3] != byte(i) {
						t.Fatal("a datagram came from somebody else")
					}
				}
				for place, left := range own {
					if left != 0 {
						t.Fatalf("place %d of message %d has %d bytes that nobody sent", place, i, left)
					}
				}
			}
		}
	}
	if all < 100_000 {
		t.Errorf("only %d datagrams were looked at", all)
	}
}

func arbitraryMessage(random *rand.Rand, size int) scripted {
	most := min(udpSegmentMaxDatagrams, 65_507/size)
	count := 1 + random.Intn(most)
	length := size * count
	if random.Intn(2) == 0 {
		length -= random.Intn(size)
	}
	message := scripted{content: make([]byte, length)}
	random.Read(message.content)
	if count > 1 {
		message.size = size
	}
	return message
}

func datagramsOf(message scripted) [][]byte {
	size := message.size
	if size == 0 {
		size = len(message.content)
	}
	var datagrams [][]byte
	for rest := message.content; len(rest) > 0; {
		datagram := rest[:min(size, len(rest))]
		datagrams = append(datagrams, datagram)
		rest = rest[len(datagram):]
	}
	return datagrams
}

func placeOf(datagram []byte, buffers [][]byte, sizes []int) (int, bool) {
	for place, size := range sizes {
		if size == len(datagram) && bytes.Equal(buffers[place][:size], datagram) {
			return place, true
		}
	}
	return 0, false
}

func TestDatagramsOfTheExpectedSizeAreNotCopied(t *testing.T) {
	stream := scripted{bytes.Repeat([]byte("s"), 45*usualDatagram-7), usualDatagram}
	land := &landing{reader: &scriptedReader{[]scripted{stream, stream}}, messages: make([]ipv6.Message, 2), size: usualDatagram, beyond: make([][]byte, 2)}
	for i := range land.messages {
		land.messages[i].OOB = make([]byte, stickyControlSize+gsoControlSize)
	}
	// Without memory for a message of another size a copy would end in a panic.
	count, err := land.receive(emptyBuffers(IdealBatchSize), make([]int, IdealBatchSize), make([]Endpoint, IdealBatchSize))
	if err != nil || count != IdealBatchSize/2+45 {
		t.Errorf("%d places, %v", count, err)
	}
}

func TestAnotherSizeIsExpectedFromThenOn(t *testing.T) {
	reader := &scriptedReader{[]scripted{{bytes.Repeat([]byte("s"), 5000), 1280}}}
	land := &landing{reader: reader, messages: make([]ipv6.Message, 1), size: usualDatagram, beyond: [][]byte{nil}, whole: make([]byte, longestMessage)}
	land.messages[0].OOB = make([]byte, stickyControlSize+gsoControlSize)
	if _, err := land.receive(emptyBuffers(64), make([]int, 64), make([]Endpoint, 64)); err != nil || land.size != 1280 {
		t.Errorf("%d are expected, %v", land.size, err)
	}
}

func TestEmptyDatagramsAreNoPackets(t *testing.T) {
	reader := &scriptedReader{[]scripted{{[]byte{}, 0}, {[]byte("content"), 0}}}
	buffers, sizes, endpoints := emptyBuffers(4), make([]int, 4), make([]Endpoint, 4)
	count, err := receiveByLanding(nil, reader, true)(buffers, sizes, endpoints)
	if err != nil || count != 3 || sizes[0] != 0 || sizes[1] != 0 || string(buffers[2][:sizes[2]]) != "content" {
		t.Errorf("%d places with %v, %v", count, sizes, err)
	}
}

func TestLargeDatagramsHavePlacesOfTheirOwn(t *testing.T) {
	large, small := bytes.Repeat([]byte("l"), largeDatagram+1), []byte("small")
	reader := &scriptedReader{[]scripted{{large, 0}, {small, 0}}}
	receive := receiveByLanding(nil, reader, true)
	buffers, sizes, endpoints := emptyBuffers(6), []int{9, 9, 9, 9, 9, 9}, make([]Endpoint, 6)
	count, err := receive(buffers, sizes, endpoints)
	if err != nil || count != 4 {
		t.Fatal(count, err)
	}
	for i, want := range [][]byte{nil, nil, large, small} {
		if !bytes.Equal(buffers[i][:sizes[i]], want) {
			t.Errorf("place %d has %d bytes, not %d", i, sizes[i], len(want))
		}
	}
}

func TestASocketWhoseKernelPutsNothingTogetherIsReadAsBefore(t *testing.T) {
	called := false
	_, _ = receiveByLanding(func([][]byte, []int, []Endpoint) (int, error) { called = true; return 0, nil }, nil, false)(nil, nil, nil)
	if !called {
		t.Error("another function receives")
	}
}
