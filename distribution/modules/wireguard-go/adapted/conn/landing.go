package conn

import (
	"net"

	"golang.org/x/net/ipv6"
)

// Datagrams larger than this, which no usual network carries, have places of their own among the buffers. Anybody can send them, and whatever else comes next would
// keep the memory that they have touched.
const largeDatagram = 1 << 14

// landing receives messages that the kernel has put together of many datagrams. They land in memory of its own, so that the buffers of packets
// stay as small as their packets.
type landing struct {
	reader   batchReader
	messages []ipv6.Message
}

// receiveByLanding returns the function that receives for a socket whose kernel puts datagrams together, and the given one where it does not.
func receiveByLanding(otherwise ReceiveFunc, reader batchReader, together bool) ReceiveFunc {
	if !together {
		return otherwise
	}
	land := &landing{reader: reader, messages: make([]ipv6.Message, IdealBatchSize/udpSegmentMaxDatagrams)}
	for i := range land.messages {
		land.messages[i].Buffers = [][]byte{make([]byte, 1<<16)}
		land.messages[i].OOB = make([]byte, stickyControlSize+gsoControlSize)
	}
	return land.receive
}

// receive waits for at least one message, and fills a buffer with each datagram: from the first on, large ones from the last on. Between them sizes are 0.
// Datagrams of one message share one endpoint.
func (land *landing) receive(buffers [][]byte, sizes []int, endpoints []Endpoint) (int, error) {
	for i := range land.messages {
		message := &land.messages[i]
		*message = ipv6.Message{Buffers: message.Buffers, OOB: message.OOB[:cap(message.OOB)]}
	}
	received, err := land.reader.ReadBatch(land.messages, 0)
	if err != nil {
		return 0, err
	}
	count, end := 0, len(buffers)
	for i := range land.messages[:received] {
		message := &land.messages[i]
		size, err := getGSOSize(message.OOB[:message.NN])
		if err != nil {
			return count, err
		}
		endpoint := &StdNetEndpoint{AddrPort: message.Addr.(*net.UDPAddr).AddrPort()}
		getSrcFromControl(message.OOB[:message.NN], endpoint)
		content := message.Buffers[0][:message.N]
		if size == 0 {
			size = len(content)
		}
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
			endpoints[place] = endpoint
		}
	}
	if end == len(buffers) {
		return count, nil
	}
	clear(sizes[count:end])
	return len(buffers), nil
}
