package main

import (
	"encoding/binary"
	"errors"
	"io"
)

// A frame carries datagrams of one size, of which the last may be shorter: the form in which the kernel hands over and takes many
// datagrams at once. On the wire: length of a datagram, length of all of them (both 16 bits, big endian), and the datagrams.
// A frame without datagrams says that its sender lives.
const (
	headerBytes = 4
	// What fits into one UDP message of IPv4, which bounds what the kernel takes at once.
	longestPayloadBytes = 65_507
	// How many datagrams the kernel takes at once.
	mostSegments = 64
)

var errFrame = errors.New("the other side breaks the rules of framing")

// putHeader writes the head of a frame into the first bytes of buffer.
func putHeader(buffer []byte, segmentBytes, payloadBytes int) {
	binary.BigEndian.PutUint16(buffer, uint16(segmentBytes))
	binary.BigEndian.PutUint16(buffer[2:], uint16(payloadBytes))
}

// readFrame reads the next frame; the payload lies in buffer, and none that does not fit is taken. segmentBytes and payload are zero and empty
// for a sign of life. Fails with errFrame when what comes cannot be a frame, and as reading does when the stream ends.
func readFrame(stream io.Reader, buffer []byte) (segmentBytes int, payload []byte, err error) {
	header := buffer[:headerBytes]
	if _, err = io.ReadFull(stream, header); err != nil {
		return 0, nil, err
	}
	segmentBytes = int(binary.BigEndian.Uint16(header))
	payloadBytes := int(binary.BigEndian.Uint16(header[2:]))
	if payloadBytes == 0 && segmentBytes == 0 {
		return 0, buffer[:0], nil
	}
	if segmentBytes == 0 || segmentBytes > payloadBytes || payloadBytes > min(longestPayloadBytes, len(buffer)) ||
		payloadBytes > segmentBytes*mostSegments {
		return 0, nil, errFrame
	}
	if _, err = io.ReadFull(stream, buffer[:payloadBytes]); err != nil {
		return 0, nil, err
	}
	return segmentBytes, buffer[:payloadBytes], nil
}
