package conn

import (
	"net"
	"sync"

	"golang.org/x/net/ipv6"
)

// gatheredMessages hands messages out whose datagrams lie where they are: the kernel gathers them. A copy into the buffer of the first would cost the copy,
// and make its buffer as large as all of them.
var gatheredMessages = sync.Pool{New: func() any {
	messages := make([]ipv6.Message, IdealBatchSize)
	for i := range messages {
		messages[i].OOB = make([]byte, 0, stickyControlSize+gsoControlSize)
	}
	return &messages
}}

// sendGathered sends datagrams to one address with as few messages as the kernel's segmentation allows.
func (s *StdNetBind) sendGathered(conn *net.UDPConn, address *net.UDPAddr, endpoint *StdNetEndpoint, datagrams [][]byte) error {
	messages := gatheredMessages.Get().(*[]ipv6.Message)
	count := gatherMessages(address, endpoint, datagrams, *messages, setGSOSize)
	err := s.send(conn, directMessages{conn}, (*messages)[:count])
	for i := range (*messages)[:count] {
		message := &(*messages)[i]
		clear(message.Buffers)
		*message = ipv6.Message{Buffers: message.Buffers[:0], OOB: message.OOB[:0]}
	}
	gatheredMessages.Put(messages)
	return err
}

// gatherMessages fills messages and returns how many. All datagrams of a message are as long as its first, but for the last, which may be shorter;
// together they are no longer than one datagram can be, and no more than the kernel takes.
func gatherMessages(address *net.UDPAddr, endpoint *StdNetEndpoint, datagrams [][]byte, messages []ipv6.Message, setSize setGSOFunc) int {
	longest := maxIPv4PayloadLen
	if endpoint.DstIP().Is6() {
		longest = maxIPv6PayloadLen
	}
	count := 0
	for first := 0; first < len(datagrams); count++ {
		end := endOfMessage(datagrams, first, longest)
		message := &messages[count]
		message.Buffers = append(message.Buffers[:0], datagrams[first:end]...)
		message.Addr = address
		setSrcControl(&message.OOB, endpoint)
		if end-first > 1 {
			setSize(&message.OOB, uint16(len(datagrams[first])))
		}
		first = end
	}
	return count
}

// endOfMessage returns the index after the last datagram that fits into the message that begins with the first.
func endOfMessage(datagrams [][]byte, first, longest int) int {
	size := len(datagrams[first])
	together := size
	end := first + 1
	for end < len(datagrams) && end-first < udpSegmentMaxDatagrams {
		next := len(datagrams[end])
		if next > size || together+next > longest {
			break
		}
		together += next
		end++
		if next < size {
			break
		}
	}
	return end
}
