package tun

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// gatheredPackets remembers what large packets consist of, by the index of the first of their packets. The packets lie where they are until the kernel
// gathers them. A copy into the buffer of the first would cost the copy, and make its buffer as large as all of them.
//
// The slice of a first packet gets the length of the whole, so that whoever counts sees it; what it holds after its own packet is undefined.
type gatheredPackets struct {
	// By index: the first packet with room for the header before it, then what the others carry. Empty for a packet by itself.
	pieces [][][]byte
	// Indices that are in use.
	heads []int
	// What is handed to the kernel, kept to be used again.
	vectors []unix.Iovec
}

// gatherTCP puts a packet behind or before those of an item, under the conditions of coalesceTCPPackets, and says how that went.
func (gathered *gatheredPackets) gatherTCP(mode canCoalesce, packet []byte, index int, size uint16, sequence uint32, push bool, item *tcpGROItem, buffers [][]byte, offset int, isV6 bool) coalesceResult {
	head := int(item.bufsIndex)
	headers := int(item.iphLen) + int(item.tcphLen)
	first := head
	if mode == coalescePrepend {
		first = index
	}
	if !fits(buffers[first], buffers[head], packet[headers:], offset) {
		return coalesceInsufficientCap
	}
	if mode == coalescePrepend && push {
		return coalescePSHEnding
	}
	if item.numMerged == 0 && !checksumValid(buffers[head][offset:], item.iphLen, unix.IPPROTO_TCP, isV6) {
		return coalesceItemInvalidCSum
	}
	if !checksumValid(packet, item.iphLen, unix.IPPROTO_TCP, isV6) {
		return coalescePktInvalidCSum
	}
	if mode == coalescePrepend {
		gathered.prepend(head, index, headers, buffers, offset)
		item.sentSeq = sequence
	} else {
		gathered.append(head, packet[headers:], buffers, offset)
		if push {
			item.pshSet = true
			buffers[head][offset+int(item.iphLen)+tcpFlagsOffset] |= tcpFlagPSH
		}
	}
	item.gsoSize = max(item.gsoSize, size)
	item.numMerged++
	return coalesceSuccess
}

// gatherUDP puts a packet behind those of an item, under the conditions of coalesceUDPPackets, and says how that went.
func (gathered *gatheredPackets) gatherUDP(packet []byte, item *udpGROItem, buffers [][]byte, offset int, isV6 bool) coalesceResult {
	head := int(item.bufsIndex)
	content := packet[int(item.iphLen)+udphLen:]
	if !fits(buffers[head], buffers[head], content, offset) {
		return coalesceInsufficientCap
	}
	if item.numMerged == 0 && (item.cSumKnownInvalid || !checksumValid(buffers[head][offset:], item.iphLen, unix.IPPROTO_UDP, isV6)) {
		return coalesceItemInvalidCSum
	}
	if !checksumValid(packet, item.iphLen, unix.IPPROTO_UDP, isV6) {
		return coalescePktInvalidCSum
	}
	gathered.append(head, content, buffers, offset)
	item.numMerged++
	return coalesceSuccess
}

// fits says whether the slice of a first packet can get the length of what there is and one packet more: upstream's condition, although nothing is written there.
func fits(first, before, content []byte, offset int) bool {
	return cap(first)-2*offset >= len(before)-offset+len(content)
}

func (gathered *gatheredPackets) append(head int, content []byte, buffers [][]byte, offset int) {
	gathered.begin(head, buffers, offset)
	gathered.pieces[head] = append(gathered.pieces[head], content)
	buffers[head] = buffers[head][:len(buffers[head])+len(content)]
}

// prepend makes the packet at index the first, and swaps the two: it is the head's index that is written.
func (gathered *gatheredPackets) prepend(head, index, headers int, buffers [][]byte, offset int) {
	gathered.begin(head, buffers, offset)
	pieces := gathered.pieces[head]
	pieces[0] = pieces[0][virtioNetHdrLen+headers:]
	pieces = append(pieces, nil)
	copy(pieces[1:], pieces)
	pieces[0] = buffers[index][offset-virtioNetHdrLen:]
	gathered.pieces[head] = pieces
	content := len(buffers[head]) - offset - headers
	buffers[index] = buffers[index][:len(buffers[index])+content]
	buffers[head], buffers[index] = buffers[index], buffers[head]
}

func (gathered *gatheredPackets) begin(head int, buffers [][]byte, offset int) {
	for len(gathered.pieces) <= head {
		gathered.pieces = append(gathered.pieces, nil)
	}
	if len(gathered.pieces[head]) == 0 {
		gathered.pieces[head] = append(gathered.pieces[head], buffers[head][offset-virtioNetHdrLen:])
		gathered.heads = append(gathered.heads, head)
	}
}

// at returns the pieces of the packet at an index; none when it is one by itself.
func (gathered *gatheredPackets) at(index int) [][]byte {
	if index < len(gathered.pieces) {
		return gathered.pieces[index]
	}
	return nil
}

// forget lets all packets go.
func (gathered *gatheredPackets) forget() {
	for _, head := range gathered.heads {
		clear(gathered.pieces[head])
		gathered.pieces[head] = gathered.pieces[head][:0]
	}
	gathered.heads = gathered.heads[:0]
	clear(gathered.vectors)
}

// writePacket writes the packet at an index, header included, whole as the kernel wants it.
func (tun *NativeTun) writePacket(packet []byte, index int) (int, error) {
	gathered := &tun.tcpGROTable.gathered
	pieces := gathered.at(index)
	if len(pieces) == 0 {
		gathered = &tun.udpGROTable.gathered
		pieces = gathered.at(index)
	}
	if len(pieces) == 0 {
		pieces = [][]byte{packet}
	}
	gathered.vectors = gathered.vectors[:0]
	for _, piece := range pieces {
		vector := unix.Iovec{Base: unsafe.SliceData(piece)}
		vector.SetLen(len(piece))
		gathered.vectors = append(gathered.vectors, vector)
	}
	return tun.writeVectors(gathered.vectors)
}
