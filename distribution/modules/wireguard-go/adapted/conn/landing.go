package conn

import (
	"net"

	"golang.org/x/net/ipv6"
)

const (
	// Datagrams larger than this, which no usual network carries, have places of their own among the buffers. Anybody can send them, and whatever else comes next would
	// keep the memory that they have touched.
	largeDatagram = 1 << 14
	// What datagrams are expected to be as large as before the first has come: a full packet in a network that carries 1,500 bytes.
	usualDatagram = 1452
	// No message of the kernel is longer.
	longestMessage = 1 << 16
)

// landing receives messages that the kernel has put together of many datagrams. Each datagram of a message lands in a buffer of its own, as long as they are as large as those
// of the message before, which in a stream they are. Others are put in their buffers by copying them twice, and buffers stay as small as their packets either way.
type landing struct {
	reader   batchReader
	messages []ipv6.Message
	// What datagrams are expected to be as large as.
	size int
	// For each message: where the kernel goes on when all its buffers are full.
	beyond [][]byte
	// A message whose datagrams have another size.
	whole []byte
}

// receiveByLanding returns the function that receives for a socket whose kernel puts datagrams together, and the given one where it does not.
func receiveByLanding(otherwise ReceiveFunc, reader batchReader, together bool) ReceiveFunc {
	if !together {
		return otherwise
	}
	count := IdealBatchSize / udpSegmentMaxDatagrams
	land := &landing{
		reader: reader, messages: make([]ipv6.Message, count), size: usualDatagram,
		beyond: make([][]byte, count), whole: make([]byte, longestMessage),
	}
	for i := range land.messages {
		land.messages[i].OOB = make([]byte, stickyControlSize+gsoControlSize)
		land.beyond[i] = make([]byte, longestMessage)
	}
	return land.receive
}

// receive waits for at least one message, and fills a buffer with each datagram. Each message has an equal part of the buffers: its datagrams lie there from the first on,
// large ones from the last on. Between them sizes are 0. Datagrams of one message share one endpoint.
func (land *landing) receive(buffers [][]byte, sizes []int, endpoints []Endpoint) (int, error) {
	part := len(buffers) / len(land.messages)
	for i := range land.messages {
		land.prepare(i, buffers[i*part:(i+1)*part])
	}
	received, err := land.reader.ReadBatch(land.messages, 0)
	if err != nil {
		return 0, err
	}
	clear(sizes)
	size, count := land.size, 0
	for i := range land.messages[:received] {
		message := &land.messages[i]
		control := message.OOB[:message.NN]
		together, err := getGSOSize(control)
		if err != nil {
			return count, err
		}
		if together == 0 {
			together = message.N
		}
		first, last := i*part, (i+1)*part
		var filled int
		if together == size || (together == message.N && together <= size) {
			filled = placesOf(message.N, size, sizes[first:last])
		} else {
			filled = land.place(message, together, buffers[first:last], sizes[first:last])
		}
		endpoint := &StdNetEndpoint{AddrPort: message.Addr.(*net.UDPAddr).AddrPort()}
		getSrcFromControl(control, endpoint)
		for place := first; place < first+filled; place++ {
			endpoints[place] = endpoint
		}
		if filled > 0 {
			count = first + filled
		}
	}
	return count, nil
}

// prepare says where a message is to land.
func (land *landing) prepare(index int, buffers [][]byte) {
	message := &land.messages[index]
	vectors := message.Buffers[:0]
	for room := longestMessage; room > 0 && len(vectors) < len(buffers); room -= land.size {
		vectors = append(vectors, buffers[len(vectors)][:land.size])
	}
	*message = ipv6.Message{Buffers: append(vectors, land.beyond[index]), OOB: message.OOB[:cap(message.OOB)]}
}

// placesOf says what size the datagrams have that lie in their buffers already, and returns how many those are.
func placesOf(length, size int, sizes []int) int {
	count := 0
	for ; length > 0 && count < len(sizes); count++ {
		sizes[count] = min(length, size)
		length -= sizes[count]
	}
	return count
}

// place puts datagrams of another size than was expected in their buffers, expects that size from now on, and returns how many buffers have been used, from the first to the last of them.
func (land *landing) place(message *ipv6.Message, size int, buffers [][]byte, sizes []int) int {
	land.size = min(size, largeDatagram)
	content := land.whole[:0]
	for _, vector := range message.Buffers {
		content = append(content, vector[:min(len(vector), message.N-len(content))]...)
	}
	count, end := 0, len(buffers)
	for len(content) > 0 && count < end {
		datagram := content[:min(size, len(content))]
		content = content[len(datagram):]
		place := count
		if len(datagram) > largeDatagram {
			end--
			place = end
		} else {
			count++
		}
		sizes[place] = copy(buffers[place], datagram)
	}
	if end < len(buffers) {
		return len(buffers)
	}
	return count
}
